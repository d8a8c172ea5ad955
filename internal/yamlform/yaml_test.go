package yamlform_test

import (
	"strings"
	"testing"
)

// TestRefusedYAML: what YAML allows and a Decoder does not, since it
// makes a value mean something else than it seems to.
func TestRefusedYAML(t *testing.T) {
	check(t, []row{
		{"a key far too long", "name: a\n" + strings.Repeat("k", 100) + ": 1\n", []string{
			`2:1: the key "` + strings.Repeat("k", 80) +
				`"... is unknown in the file; the keys here are name, when, file, mode, on, count, room, wait, list, set, words, dish, dishes`}},
		{"a repeated key", "name: a\nlist: []\nlist: []\n", []string{`3:1: the key "list" in the file stands at 2:1 already; keep one of them`}},
		{"a repeated key further in", "dish:\n  title: a\n  title: b\n",
			[]string{`3:3: the key "title" in dish stands at 2:3 already; keep one of them`}},
		{"a key repeated in quotes", "mode: cold\n\"mode\": warm\n",
			[]string{`2:1: the key "mode" in the file stands at 1:1 already; keep one of them`}},
		{"a second document", "name: a\n---\nlist: []\n", []string{`2:1: a second YAML document begins here; write one document in a file`}},
		{"an empty second document", "name: a\n---\n", []string{`2:1: a second YAML document begins here; write one document in a file`}},
		{"a broken second document", "name: a\n---\na: [\n", []string{`4:1: not valid YAML: did not find expected node content`}},
		{"text behind a flow mapping", "{dishes: []} x\n",
			[]string{`1:14: not valid YAML: there is text behind the end of the document; remove it`}},
		{"an anchor", "mode: &d cold\n", []string{`1:7: the anchor "&d" is not taken; write the value out where it is used, or say it once`}},
		{"an alias", "list: &i [a]\nset: *i\n", []string{
			`1:7: the anchor "&i" is not taken; write the value out where it is used, or say it once`,
			`2:6: the alias "*i" is not taken; write the value out, or say it once`,
		}},
		{"an alias as a key", "dish: {&p title: a}\n*p : x\n", []string{
			`1:8: the anchor "&p" is not taken; write the value out where it is used, or say it once`,
			`2:1: the alias "*p" is not taken; write the value out, or say it once`,
		}},
		{"a list inside itself", "list: &r [*r]\n", []string{
			`1:7: the anchor "&r" is not taken; write the value out where it is used, or say it once`,
			`1:11: the alias "*r" is not taken; write the value out, or say it once`,
		}},
		{"a merge key", "name: a\n<<: {mode: cold}\n", []string{`2:1: the merge key << in the file is not taken; write the keys out`}},
		{"a tag", "mode: !!str cold\n", []string{`1:7: the tag "!!str" is not taken; put a string in quotes instead`}},
		{"an unknown tag", "list: !r []\n", []string{`1:7: the tag "!r" is not taken; put a string in quotes instead`}},
		{"a list as a key", "name: a\n? [a]\n: b\n", []string{`2:3: a key in the file is a list; write a plain word`}},
		{"an empty key", "name: a\n'': b\n", []string{`2:1: a key in the file is empty; write a plain word`}},
		{"a variable as a key", "name: a\n${KEY}: b\n",
			[]string{`2:1: the key "${KEY}" in the file is not expanded; write the key itself, variables stand in values only`}},
		{"the file as a list", "- routes\n", []string{`1:1: the file is a list; write a mapping with keys such as name and dishes`}},
		{"the file as a word", "routes\n",
			[]string{`1:1: the file is the single value "routes"; write a mapping with keys such as name and dishes`}},
		{"a marker alone", "---", []string{`1:4: the file is empty; write a mapping with keys such as name and dishes`}},
		{"a broken end", "dishes: [", []string{`1:10: not valid YAML: did not find expected node content`}},
		{"comments alone", "# routes\n", []string{`1:1: the file is empty; write name and dishes`}},
		{"too large", "name: a\n" + strings.Repeat("#", 1<<16), []string{`1:1: the file is larger than 65536 bytes; is it a menu?`}},
		{"too deep", strings.Repeat("[", 1000), []string{`1:33: not valid here: lists and mappings nest deeper than 32`}},
		{"UTF-16", "\xff\xfea\x00", []string{`1:1: the file is not UTF-8; save it as UTF-8`}},
		{"a byte that is not UTF-8", "name: a\né: \xe9\n", []string{`2:4: the file is not UTF-8; save it as UTF-8`}},
		{"a NUL byte", "name: a\na: \x00\n", []string{`2:4: the control character U+0000; remove it, or write it as an escape in double quotes`}},
		{"a line break that editors do not count", "name: a\na: \u2028b\n",
			[]string{`2:4: the control character U+2028; remove it, or write it as an escape in double quotes`}},
		{"a lone carriage return", "name: a\na: b\rc: d\n",
			[]string{`2:5: a carriage return without a line feed; save the file with Unix line ends`}},
		{"a byte order mark inside", "name: a\na: \ufeffb\n", []string{`2:4: a byte order mark inside the file; remove it`}},
	}, "A=one")
}

// TestSyntaxHints: the typing mistakes that YAML's own words do not explain.
func TestSyntaxHints(t *testing.T) {
	check(t, []row{
		{"a variable in a flow list", "routes:\n  - hosts: [${HOST}]\n",
			[]string{`2:13: not valid YAML: a variable inside [ ] or { } must be in quotes; write "${VAR}"`}},
		{"a variable in a flow mapping", "server: {listen: ${HOST:-h}:9001}\n",
			[]string{`1:18: not valid YAML: a variable inside [ ] or { } must be in quotes; write "${VAR}"`}},
		{"a variable inside a value", "routes: [{match: 'é', hosts: [a.${DOMAIN}]}]\n",
			[]string{`1:33: not valid YAML: a variable inside [ ] or { } must be in quotes; write "${VAR}"`}},
		{"a path variable in a flow mapping", "routes:\n  - {match: GET /users/{id}}\n", []string{
			`2:24: not valid YAML: did not find expected ',' or '}' (while parsing a flow mapping that begins at 2:5); inside [ ] and { } ` +
				`put a value that holds { or } in quotes`}},
		{"a wildcard without quotes", "hosts: [*.example]\n", []string{`1:9: not valid YAML: a value that begins with * must be in quotes`}},
		{"a prefix without quotes", "prefix: partner:\n", []string{
			`1:16: not valid YAML: mapping values are not allowed in this context; put a value that holds ": " or ends with ":" in ` +
				`quotes, and check the indentation`}},
		{"a tab", "server:\n\tlisten: x\n", []string{
			`2:1: not valid YAML: a tab in the indentation; indent with spaces`}},
		{"a tab behind spaces", "server:\n  \tlisten: x\n", []string{`2:3: not valid YAML: a tab in the indentation; indent with spaces`}},
		{"a tab behind a dash", "routes:\n  -\tmatch: /a\n", []string{
			`2:4: not valid YAML: found a tab character where an indentation space is expected; indent with spaces`}},
		{"a value that begins with @", "a: @b\n", []string{
			`1:4: not valid YAML: found character that cannot start any token; indent with spaces, and put a value that begins with @, ` +
				"`" + ` or % in quotes`}},
		{"a tab in the middle", "a: b\n\tc: d\n", []string{
			`2:1: not valid YAML: a tab in the indentation; indent with spaces`}},
		{"a version", "%YAML 1.2\n---\n" + "name: a\n", []string{`1:1: not valid YAML: found incompatible YAML document; remove the %YAML line`}},
		{"a line that stands too far left", "routes:\n    - match: /a\n  access: public\n", []string{
			`3:3: not valid YAML: did not find expected key (while parsing a block mapping that begins at 1:1); indent the line as those ` +
				`are that it belongs to, and put a value that begins with a quote, [ or { and goes on behind its end in quotes as a whole`}},
		{"a list that goes on", "routes:\n  - hosts: [a] and b\n", []string{
			`2:16: not valid YAML: did not find expected key (while parsing a block mapping that begins at 2:5); indent the line as those ` +
				`are that it belongs to, and put a value that begins with a quote, [ or { and goes on behind its end in quotes as a whole`}},
		{"a key among items", "routes:\n  - /a\n  b: c\n", []string{
			`3:3: not valid YAML: did not find expected '-' indicator (while parsing a block collection that begins at 2:3); indent the ` +
				`line as those are that it belongs to, and put a value that begins with a quote, [ or { and goes on behind its end in quotes ` +
				`as a whole`}},
		{"an unclosed list", "issuers: [a, b\n", []string{
			`2:1: not valid YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins at 1:10)`}},
	})
}
