package config_test

import (
	"strings"
	"testing"
)

// TestIndentation: each name of an issuer that is not indented below issuers is one
// mistake; other unknown keys are not reported this way.
func TestIndentation(t *testing.T) {
	const a, b = "{cognito: us-west-1_a, clients: [w], prefix: ''}\n", "{cognito: us-west-1_b, clients: [w], prefix: 'b:'}\n"
	const nothing = ` has no value; set it to a mapping from names that you choose to issuers, such as {cruddur: {cognito: POOL, clients: ` +
		`[CLIENT]}}, or remove the key`
	const keys = `; expected one of server, admin, cache_dir, issuers, tokens, identity, routes, include, default, cors, relax, revoked, ` +
		`audit, shadow`
	check(t, []file{
		{"one issuer", "issuers:\ncruddur:\n  cognito: us-west-1_a\n  clients: [w]\nroutes: []\n",
			[]string{`2:1: "cruddur" is not indented; indent it by two spaces to put it under issuers`}},
		{"two issuers", "default: deny\nissuers: # ours\ncruddur: " + a + "partner: " + b, []string{
			`3:1: "cruddur" is not indented; indent it by two spaces to put it under issuers`,
			`4:1: "partner" is not indented; indent it by two spaces to put it under issuers`,
		}},
		{"one behind another key", "issuers:\ndefault: deny\ncruddur: " + a, []string{
			`1:1: issuers` + nothing, `3:1: unknown key "cruddur" in the file` + keys,
		}},
		{"no mapping", "issuers:\ncruddur: us-west-1_a\n", []string{
			`1:1: issuers` + nothing, `2:1: unknown key "cruddur" in the file` + keys,
		}},
		{"a mistyped key", "issuers:\nserve: {listen: '127.0.0.1:1'}\n", []string{
			`1:1: issuers` + nothing, `2:1: unknown key "serve" in the file; did you mean server?`,
		}},
		{"in braces", "{issuers: , cruddur: " + strings.TrimSpace(a) + "}\n", []string{
			`1:2: issuers` + nothing, `1:13: unknown key "cruddur" in the file` + keys,
		}},
		{"issuers with a value", "issuers: {a: " + strings.TrimSpace(a) + "}\ncruddur: " + b,
			[]string{`2:1: unknown key "cruddur" in the file` + keys}},
	})
}

// TestSpaceBehindColon: in YAML, a colon without a space is part of the word. The key
// is not reported as missing too.
func TestSpaceBehindColon(t *testing.T) {
	const hint = `; write a space after the colon`
	check(t, []file{
		{"in a route", pool + "routes: [{match:/x, access: public}]\n", []string{`2:11: unknown key "match:/x" in routes[0]` + hint}},
		{"behind a method", pool + "routes: [{match:GET /x}]\n", []string{`2:11: unknown key "match:GET /x" in routes[0]` + hint}},
		{"in an issuer", "issuers: {a: {cognito:us-west-1_abc, clients: [w]}}\n",
			[]string{`1:15: unknown key "cognito:us-west-1_abc" in issuers.a` + hint}},
		{"beside the key itself", pool + "routes: [{match: /a, match:/x}]\n", []string{`2:22: unknown key "match:/x" in routes[0]` + hint}},
		{"behind a word that is no key", pool + "server: {'bind:all': x}\n", []string{
			`2:10: unknown key "bind:all" in server; expected one of listen, tls, socket_mode, drain_delay, max_connections`}},
	})
}

// TestSlips: words of other programs are unknown keys with a suggestion.
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
			same(t, mistakes(t, yaml), []string{at + "unknown key " + quoted(row.slip) + " in " + row.where + "; did you mean " + row.key + "?"})
		})
	}
	for _, name := range []string{"method", "methods"} {
		t.Run(name, func(t *testing.T) {
			same(t, mistakes(t, pool+"routes: [{match: /a, "+name+": [GET]}]\n"), []string{
				"2:22: routes[0]." + name + " is not supported; write the methods before the path in match, such as GET,HEAD /x"})
		})
	}
}
