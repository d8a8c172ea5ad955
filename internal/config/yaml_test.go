package config_test

import (
	"strings"
	"testing"
)

// TestRefusedYAML: what YAML allows and a configuration does not, since it
// makes a value mean something else than it seems to.
func TestRefusedYAML(t *testing.T) {
	check(t, []file{
		{"an unknown key", pool + "rotues: []\n", []string{`2:1: the key "rotues" is unknown in the file; did you mean routes?`}},
		{"a key far too long", pool + strings.Repeat("k", 100) + ": 1\n", []string{
			`2:1: the key "` + strings.Repeat("k", 80) + `"… is unknown in the file; the keys here are server, admin, cache_dir, issuers, tokens, identity, routes, default, cors, relax`}},
		{"a repeated key", pool + "routes: []\nroutes: []\n", []string{`3:1: the key "routes" in the file stands at 2:1 already; keep one of them`}},
		{"a repeated name", "issuers:\n  p: {cognito: us-west-1_a, clients: [w]}\n  p: {}\n",
			[]string{`3:3: the key "p" in issuers stands at 2:3 already; keep one of them`}},
		{"a key repeated in quotes", pool + "default: deny\n\"default\": required\n",
			[]string{`3:1: the key "default" in the file stands at 2:1 already; keep one of them`}},
		{"a second document", pool + "---\nroutes: []\n", []string{`2:1: a second YAML document begins here; write one document in a file`}},
		{"an empty second document", pool + "---\n", []string{`2:1: a second YAML document begins here; write one document in a file`}},
		{"a broken second document", pool + "---\na: [\n", []string{
			`4:1: not valid YAML: did not find expected node content`}},
		{"text behind a flow mapping", "{routes: []} x\n", []string{`1:14: not valid YAML: there is text behind the end of the document; remove it`}},
		{"an anchor", pool + "default: &d deny\n", []string{`2:10: the anchor "&d" is not taken; write the value out where it is used`}},
		{"an alias", "issuers: &i {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\nroutes: *i\n", []string{
			`1:10: the anchor "&i" is not taken; write the value out where it is used`,
			`2:9: the alias "*i" is not taken; write the value out`,
		}},
		{"an alias as a key", "issuers: {&p pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n*p : x\n", []string{
			`1:11: the anchor "&p" is not taken; write the value out where it is used`,
			`2:1: the alias "*p" is not taken; write the value out`,
		}},
		{"a mapping inside itself", pool + "routes: &r [*r]\n", []string{
			`2:9: the anchor "&r" is not taken; write the value out where it is used`,
			`2:13: the alias "*r" is not taken; write the value out`,
		}},
		{"a merge key", pool + "<<: {default: deny}\n", []string{`2:1: the merge key << in the file is not taken; write the keys out`}},
		{"a tag", pool + "default: !!str deny\n", []string{`2:10: the tag "!!str" is not taken; put a string in quotes instead`}},
		{"a tag of no one's", pool + "routes: !r []\n", []string{`2:9: the tag "!r" is not taken; put a string in quotes instead`}},
		{"a list as a key", pool + "? [a]\n: b\n", []string{`2:3: a key in the file is a list; write a plain word`}},
		{"an empty key", pool + "'': b\n", []string{`2:1: a key in the file is empty; write a plain word`}},
		{"a variable as a key", pool + "${KEY}: b\n",
			[]string{`2:1: the key "${KEY}" in the file is not expanded; write the key itself, variables stand in values only`}},
		{"the file as a list", "- routes\n", []string{`1:1: the file is a list; write a mapping with keys such as issuers and routes`}},
		{"the file as a word", "routes\n", []string{`1:1: the file is the single value "routes"; write a mapping with keys such as issuers and routes`}},
		{"a marker alone", "---", []string{`1:4: the file is empty; write a mapping with keys such as issuers and routes`}},
		{"a broken end", "routes: [", []string{`1:10: not valid YAML: did not find expected node content`}},
		{"comments alone", "# routes\n", []string{`1:1: the file is empty; write issuers and routes`}},
		{"too large", pool + strings.Repeat("#", 1<<20), []string{`1:1: the file is larger than 1048576 bytes; is it the config?`}},
		{"too deep", strings.Repeat("[", 1000), []string{`1:33: not valid here: lists and mappings nest deeper than 32`}},
		{"UTF-16", "\xff\xfea\x00", []string{`1:1: the file is not UTF-8; save it as UTF-8`}},
		{"a byte that is not UTF-8", pool + "é: \xe9\n", []string{`2:4: the file is not UTF-8; save it as UTF-8`}},
		{"a NUL byte", pool + "a: \x00\n", []string{`2:4: the control character U+0000; remove it, or write it as an escape in double quotes`}},
		{"a line break that editors do not count", pool + "a: \u2028b\n",
			[]string{`2:4: the control character U+2028; remove it, or write it as an escape in double quotes`}},
		{"a lone carriage return", pool + "a: b\rc: d\n", []string{`2:5: a carriage return without a line feed; save the file with Unix line ends`}},
		{"a byte order mark inside", pool + "a: \ufeffb\n", []string{`2:4: a byte order mark inside the file; remove it`}},
	})
}

// TestSyntaxMends: the slips that YAML's own words do not explain.
func TestSyntaxMends(t *testing.T) {
	check(t, []file{
		{"a variable in a flow list", "routes:\n  - hosts: [${HOST}]\n", []string{`2:13: not valid YAML: a variable inside [ ] or { } must be in quotes; write "${VAR}"`}},
		{"a variable in a flow mapping", "server: {listen: ${HOST:-h}:9001}\n", []string{`1:18: not valid YAML: a variable inside [ ] or { } must be in quotes; write "${VAR}"`}},
		{"a variable inside a value", "routes: [{match: 'é', hosts: [a.${DOMAIN}]}]\n", []string{`1:33: not valid YAML: a variable inside [ ] or { } must be in quotes; write "${VAR}"`}},
		{"a path variable in a flow mapping", "routes:\n  - {match: GET /users/{id}}\n", []string{
			`2:24: not valid YAML: did not find expected ',' or '}' (while parsing a flow mapping that begins at 2:5); inside [ ] and { } put a value that holds { or } in quotes`}},
		{"a wildcard without quotes", "hosts: [*.example]\n", []string{`1:9: not valid YAML: a value that begins with * must be in quotes`}},
		{"a prefix without quotes", "prefix: partner:\n", []string{
			`1:16: not valid YAML: mapping values are not allowed in this context; put a value that holds ": " or ends with ":" in quotes, and check the indentation`}},
		{"a tab", "server:\n\tlisten: x\n", []string{
			`2:1: not valid YAML: found character that cannot start any token; indent with spaces, and put a value that begins with @, ` + "`" + ` or % in quotes`}},
		{"a tab in the middle", "a: b\n\tc: d\n", []string{
			`2:1: not valid YAML: found a tab character that violates indentation (while scanning a plain scalar that begins at 1:4); indent with spaces`}},
		{"a version", "%YAML 1.2\n---\n" + pool, []string{`1:1: not valid YAML: found incompatible YAML document; remove the %YAML line`}},
		{"an unclosed list", "issuers: [a, b\n", []string{
			`2:1: not valid YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins at 1:10)`}},
	})
}
