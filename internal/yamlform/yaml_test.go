package yamlform_test

import (
	"strings"
	"testing"
)

// TestRefusedYAML: a Decoder rejects features of YAML with which a value can have
// another meaning than the obvious one.
func TestRefusedYAML(t *testing.T) {
	check(t, []row{
		{"a key far too long", "name: a\n" + strings.Repeat("k", 100) + ": 1\n", []string{
			`2:1: unknown key "` + strings.Repeat("k", 80) +
				`"... in the file; expected one of name, when, file, mode, on, count, room, wait, list, set, words, dish, dishes`}},
		{"a repeated key", "name: a\nlist: []\nlist: []\n",
			[]string{`3:1: the key "list" is repeated in the file; it first appears at 2:1; keep one of them`}},
		{"a repeated key further in", "dish:\n  title: a\n  title: b\n",
			[]string{`3:3: the key "title" is repeated in dish; it first appears at 2:3; keep one of them`}},
		{"a key repeated in quotes", "mode: cold\n\"mode\": warm\n",
			[]string{`2:1: the key "mode" is repeated in the file; it first appears at 1:1; keep one of them`}},
		{"a second document", "name: a\n---\nlist: []\n", []string{`2:1: a second YAML document begins here; expected one document per file`}},
		{"an empty second document", "name: a\n---\n", []string{`2:1: a second YAML document begins here; expected one document per file`}},
		{"a broken second document", "name: a\n---\na: [\n", []string{`4:1: invalid YAML: did not find expected node content`}},
		{"text behind a flow mapping", "{dishes: []} x\n",
			[]string{`1:14: invalid YAML: did not find expected <document start>`}},
		{"an anchor", "mode: &d cold\n",
			[]string{`1:7: YAML anchors are not supported: got "&d"; write the value wherever it is used, or say it once`}},
		{"an alias", "list: &i [a]\nset: *i\n", []string{
			`1:7: YAML anchors are not supported: got "&i"; write the value wherever it is used, or say it once`,
			`2:6: YAML aliases are not supported: got "*i"; write the value itself, or say it once`,
		}},
		{"an alias as a key", "dish: {&p title: a}\n*p : x\n", []string{
			`1:8: YAML anchors are not supported: got "&p"; write the value wherever it is used, or say it once`,
			`2:1: YAML aliases are not supported: got "*p"; write the value itself, or say it once`,
		}},
		{"a list inside itself", "list: &r [*r]\n", []string{
			`1:7: YAML anchors are not supported: got "&r"; write the value wherever it is used, or say it once`,
			`1:11: YAML aliases are not supported: got "*r"; write the value itself, or say it once`,
		}},
		{"a merge key", "name: a\n<<: {mode: cold}\n",
			[]string{`2:1: YAML merge keys (<<) are not supported: got one in the file; write the keys explicitly`}},
		{"a tag", "mode: !!str cold\n", []string{`1:7: YAML tags are not supported: got "!!str"; put a string in quotes instead`}},
		{"an unknown tag", "list: !r []\n", []string{`1:7: YAML tags are not supported: got "!r"; put a string in quotes instead`}},
		{"a list as a key", "name: a\n? [a]\n: b\n", []string{`2:3: a key in the file is a list; expected a plain word`}},
		{"an empty key", "name: a\n'': b\n", []string{`2:1: a key in the file is empty; expected a plain word`}},
		{"a variable as a key", "name: a\n${KEY}: b\n",
			[]string{`2:1: variables are not supported in keys: got "${KEY}" in the file; write the key itself`}},
		{"the file as a list", "- routes\n", []string{`1:1: the file is a list; expected a mapping with keys such as name and dishes`}},
		{"the file as a word", "routes\n",
			[]string{`1:1: the file is the single value "routes"; expected a mapping with keys such as name and dishes`}},
		{"a marker alone", "---", []string{`1:4: the file is empty; expected a mapping with keys such as name and dishes`}},
		{"a broken end", "dishes: [", []string{`1:10: invalid YAML: did not find expected node content`}},
		{"comments alone", "# routes\n", []string{`1:1: the file is empty; expected a mapping with keys such as name and dishes`}},
		{"too large", "name: a\n" + strings.Repeat("#", 1<<16), []string{`1:1: the file is larger than 65536 bytes; expected a menu`}},
		{"too deep", strings.Repeat("[", 1000), []string{`1:33: lists and mappings are nested more than 32 deep`}},
		{"UTF-16", "\xff\xfea\x00", []string{`1:1: the file is not valid UTF-8; save it as UTF-8`}},
		{"a byte that is not UTF-8", "name: a\né: \xe9\n", []string{`2:4: the file is not valid UTF-8; save it as UTF-8`}},
		{"a NUL byte", "name: a\na: \x00\n",
			[]string{`2:4: unexpected control character U+0000; remove it, or write it as an escape in double quotes`}},
		{"a line break that editors do not count", "name: a\na: \u2028b\n",
			[]string{`2:4: unexpected control character U+2028; remove it, or write it as an escape in double quotes`}},
		{"a lone carriage return", "name: a\na: b\rc: d\n",
			[]string{`2:5: unexpected carriage return without a line feed; save the file with Unix line endings`}},
		{"a byte order mark inside", "name: a\na: \ufeffb\n", []string{`2:4: unexpected byte order mark inside the file; remove it`}},
	}, "A=one")
}

// TestSyntaxHints: common syntax errors come with a hint.
func TestSyntaxHints(t *testing.T) {
	check(t, []row{
		{"a variable in a flow list", "routes:\n  - hosts: [${HOST}]\n",
			[]string{`2:13: invalid YAML: found a variable without quotes inside [ ] or { }; write "${VAR}"`}},
		{"a variable in a flow mapping", "server: {listen: ${HOST:-h}:9001}\n",
			[]string{`1:18: invalid YAML: found a variable without quotes inside [ ] or { }; write "${VAR}"`}},
		{"a variable inside a value", "routes: [{match: 'é', hosts: [a.${DOMAIN}]}]\n",
			[]string{`1:33: invalid YAML: found a variable without quotes inside [ ] or { }; write "${VAR}"`}},
		{"a path variable in a flow mapping", "routes:\n  - {match: GET /users/{id}}\n", []string{
			`2:24: invalid YAML: did not find expected ',' or '}' (while parsing a flow mapping that begins at 2:5); inside [ ] and { }, ` +
				`put a value that contains { or } in quotes`}},
		{"a wildcard without quotes", "hosts: [*.example]\n",
			[]string{`1:9: invalid YAML: found * without quotes; put a value that begins with * in quotes`}},
		{"a prefix without quotes", "prefix: partner:\n", []string{
			`1:16: invalid YAML: mapping values are not allowed in this context; check the indentation, and put ` +
				`a value that contains ": " or ends with ":" in quotes`}},
		{"a tab", "server:\n\tlisten: x\n", []string{
			`2:1: invalid YAML: found a tab in the indentation; indent with spaces`}},
		{"a tab behind spaces", "server:\n  \tlisten: x\n", []string{`2:3: invalid YAML: found a tab in the indentation; indent with spaces`}},
		{"a tab behind a dash", "routes:\n  -\tmatch: /a\n", []string{
			`2:4: invalid YAML: found a tab character where an indentation space is expected`}},
		{"a tab in the middle", "a: b\n\tc: d\n", []string{
			`2:1: invalid YAML: found a tab in the indentation; indent with spaces`}},
		{"a version", "%YAML 1.2\n---\n" + "name: a\n", []string{`1:1: invalid YAML: found incompatible YAML document`}},
		{"a line that stands too far left", "routes:\n    - match: /a\n  access: public\n", []string{
			`3:3: invalid YAML: did not find expected key (while parsing a block mapping that begins at 1:1); check the indentation, ` +
				`and put a value that begins with a quote, [ or { in quotes as a whole`}},
		{"a list that goes on", "routes:\n  - hosts: [a] and b\n", []string{
			`2:16: invalid YAML: did not find expected key (while parsing a block mapping that begins at 2:5); check the indentation, ` +
				`and put a value that begins with a quote, [ or { in quotes as a whole`}},
		{"a key among items", "routes:\n  - /a\n  b: c\n", []string{
			`3:3: invalid YAML: did not find expected '-' indicator (while parsing a block collection that begins at 2:3); check the ` +
				`indentation, and put a value that begins with a quote, [ or { in quotes as a whole`}},
		{"an unclosed list", "issuers: [a, b\n", []string{
			`2:1: invalid YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins at 1:10)`}},
	})
}
