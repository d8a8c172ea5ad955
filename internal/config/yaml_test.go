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
			`2:1: the key "` + strings.Repeat("k", 80) + `"… is unknown in the file; the keys here are server, admin, cache_dir, issuers, tokens, identity, routes, include, default, cors, relax, revoked, audit, shadow`}},
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
			`2:1: not valid YAML: a tab in the indentation; indent with spaces`}},
		{"a tab behind spaces", "server:\n  \tlisten: x\n", []string{`2:3: not valid YAML: a tab in the indentation; indent with spaces`}},
		{"a tab behind a dash", "routes:\n  -\tmatch: /a\n", []string{
			`2:4: not valid YAML: found a tab character where an indentation space is expected; indent with spaces`}},
		{"a value that begins with @", "a: @b\n", []string{
			`1:4: not valid YAML: found character that cannot start any token; indent with spaces, and put a value that begins with @, ` + "`" + ` or % in quotes`}},
		{"a tab in the middle", "a: b\n\tc: d\n", []string{
			`2:1: not valid YAML: a tab in the indentation; indent with spaces`}},
		{"a version", "%YAML 1.2\n---\n" + pool, []string{`1:1: not valid YAML: found incompatible YAML document; remove the %YAML line`}},
		{"a line that stands too far left", "routes:\n    - match: /a\n  access: public\n", []string{
			`3:3: not valid YAML: did not find expected key (while parsing a block mapping that begins at 1:1); indent the line as those are that it belongs to, and put a value that begins with a quote, [ or { and goes on behind its end in quotes as a whole`}},
		{"a list that goes on", "routes:\n  - hosts: [a] and b\n", []string{
			`2:16: not valid YAML: did not find expected key (while parsing a block mapping that begins at 2:5); indent the line as those are that it belongs to, and put a value that begins with a quote, [ or { and goes on behind its end in quotes as a whole`}},
		{"a key among items", "routes:\n  - /a\n  b: c\n", []string{
			`3:3: not valid YAML: did not find expected '-' indicator (while parsing a block collection that begins at 2:3); indent the line as those are that it belongs to, and put a value that begins with a quote, [ or { and goes on behind its end in quotes as a whole`}},
		{"an unclosed list", "issuers: [a, b\n", []string{
			`2:1: not valid YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins at 1:10)`}},
	})
}

// TestIndentation: names of issuers that stand beside issuers instead of below
// it are one mistake each, and nothing else that looks a little like it is.
func TestIndentation(t *testing.T) {
	const a, b = "{cognito: us-west-1_a, clients: [w], prefix: ''}\n", "{cognito: us-west-1_b, clients: [w], prefix: 'b:'}\n"
	const nothing = ` has no value; write a mapping from a name of yours to an issuer such as {cognito: POOL, clients: [CLIENT]} or {issuer: URL, audiences: [AUDIENCE]}, or leave the key out`
	const keys = `; the keys here are server, admin, cache_dir, issuers, tokens, identity, routes, include, default, cors, relax, revoked, audit, shadow`
	check(t, []file{
		{"one issuer", "issuers:\ncruddur:\n  cognito: us-west-1_a\n  clients: [w]\nroutes: []\n", []string{`2:1: indent "cruddur" by two spaces to put it under issuers`}},
		{"two issuers", "default: deny\nissuers: # ours\ncruddur: " + a + "partner: " + b, []string{
			`3:1: indent "cruddur" by two spaces to put it under issuers`,
			`4:1: indent "partner" by two spaces to put it under issuers`,
		}},
		{"one behind another key", "issuers:\ndefault: deny\ncruddur: " + a, []string{
			`1:1: issuers` + nothing, `3:1: the key "cruddur" is unknown in the file` + keys,
		}},
		{"no mapping", "issuers:\ncruddur: us-west-1_a\n", []string{
			`1:1: issuers` + nothing, `2:1: the key "cruddur" is unknown in the file` + keys,
		}},
		{"a mistyped key", "issuers:\nserve: {listen: '127.0.0.1:1'}\n", []string{
			`1:1: issuers` + nothing, `2:1: the key "serve" is unknown in the file; did you mean server?`,
		}},
		{"in braces", "{issuers: , cruddur: " + strings.TrimSpace(a) + "}\n", []string{
			`1:2: issuers` + nothing, `1:13: the key "cruddur" is unknown in the file` + keys,
		}},
		{"issuers with a value", "issuers: {a: " + strings.TrimSpace(a) + "}\ncruddur: " + b, []string{`2:1: the key "cruddur" is unknown in the file` + keys}},
	})
}

// TestSpaceBehindColon: YAML takes a colon without a space for a part of the
// word. That the key is missing is not said beside it.
func TestSpaceBehindColon(t *testing.T) {
	const mend = `; write a space after the colon`
	check(t, []file{
		{"in a route", pool + "routes: [{match:/x, access: public}]\n", []string{`2:11: the key "match:/x" is unknown in routes[0]` + mend}},
		{"behind a method", pool + "routes: [{match:GET /x}]\n", []string{`2:11: the key "match:GET /x" is unknown in routes[0]` + mend}},
		{"in an issuer", "issuers: {a: {cognito:us-west-1_abc, clients: [w]}}\n", []string{`1:15: the key "cognito:us-west-1_abc" is unknown in issuers.a` + mend}},
		{"beside the key itself", pool + "routes: [{match: /a, match:/x}]\n", []string{`2:22: the key "match:/x" is unknown in routes[0]` + mend}},
		{"behind a word that is no key", pool + "server: {'bind:all': x}\n", []string{
			`2:10: the key "bind:all" is unknown in server; the keys here are listen, tls, socket_mode, drain_delay, max_connections`}},
	})
}

// TestSlips: the words of other programs lead to ours.
func TestSlips(t *testing.T) {
	const issuer, route = "issuers: {a: {cognito: us-west-1_a, clients: [w], ▸%s: x}}\n", "routes: [{match: /a, ▸%s: x}]\n"
	const alternative, server = "routes: [{match: /a, any_of: [{groups: [g], ▸%s: x}]}]\n", "server: {▸%s: x}\n"
	for _, row := range []struct{ yaml, where, slip, key string }{
		{route, "routes[0]", "role", "groups"},
		{route, "routes[0]", "roles", "groups"},
		{route, "routes[0]", "path", "match"},
		{route, "routes[0]", "scope", "scopes"},
		{alternative, "routes[0].any_of[0]", "role", "groups"},
		{alternative, "routes[0].any_of[0]", "roles", "groups"},
		{alternative, "routes[0].any_of[0]", "scope", "scopes"},
		{server, "server", "port", "listen"},
		{server, "server", "address", "listen"},
		{issuer, "issuers.a", "region", "cognito"},
		{issuer, "issuers.a", "pool", "cognito"},
		{issuer, "issuers.a", "user_pool", "cognito"},
		{issuer, "issuers.a", "user_pool_id", "cognito"},
		{issuer, "issuers.a", "client", "clients"},
		{issuer, "issuers.a", "client_id", "clients"},
		{issuer, "issuers.a", "audience", "audiences"},
		{issuer, "issuers.a", "url", "issuer"},
	} {
		t.Run(row.where+" "+row.slip, func(t *testing.T) {
			yaml, at := marked(strings.Replace(row.yaml, "%s", row.slip, 1))
			if row.yaml != issuer {
				yaml += pool
			}
			same(t, mistakes(t, yaml), []string{at + "the key " + quoted(row.slip) + " is unknown in " + row.where + "; did you mean " + row.key + "?"})
		})
	}
	for _, name := range []string{"method", "methods"} {
		t.Run(name, func(t *testing.T) {
			same(t, mistakes(t, pool+"routes: [{match: /a, "+name+": [GET]}]\n"), []string{
				"2:22: routes[0]." + name + " is no key: methods stand before the path in match, such as GET,HEAD /x"})
		})
	}
}
