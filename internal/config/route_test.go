package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

func TestRouteMistakes(t *testing.T) {
	const noAny = `.any is not supported, because a plain list such as [admin] already means any of its items`
	const asks = ` is a requirement for a token, but this route is public; write access: required, or remove it`
	long := "/" + strings.Repeat("a", 128)
	check(t, []file{
		{"a mapping for a list", pool + "routes: {match: /a}\n",
			[]string{`2:1: routes is a mapping; expected a list of routes, each such as {match: GET /api/health, access: public}`}},
		{"a string for a route", pool + "routes: [GET /a]\n",
			[]string{`2:10: routes[0] is the single value "GET /a"; expected a route such as {match: GET /api/health, access: public}`}},
		{"a list for a route", pool + "routes: [[/a]]\n",
			[]string{`2:10: routes[0] is a list; expected a route such as {match: GET /api/health, access: public}`}},
		{"nothing for a route", pool + "routes:\n  -\n",
			[]string{`3:4: routes[0] has no value; set it to a route such as {match: GET /api/health, access: public}, or remove the item`}},
		{"a path for a route", pool + "routes:\n  - GET /a: public\n", []string{
			`3:5: unknown key "GET /a" in routes[0]; expected one of name, match, hosts, access, if_invalid, issuers, groups, scopes, clients, ` +
				`any_of, when, max_auth_age, acr, tokens_from, forward, end_streams_at_expiry, audit, shadow`,
			`3:5: routes[0].match is missing; expected [METHOD,...] PATH, such as GET /api/health, or a name for a route that only Envoy ` +
				`selects, with jwtgate.route in its context_extensions`,
		}},
		{"neither match nor name", pool + "routes: [{access: public}]\n",
			[]string{`2:10: routes[0].match is missing; expected [METHOD,...] PATH, such as GET /api/health, or a name for a route that only ` +
				`Envoy selects, with jwtgate.route in its context_extensions`}},
		{"an empty match, with a name", pool + "routes: [{match: '', name: a}]\n",
			[]string{`2:18: routes[0].match is empty; expected [METHOD,...] PATH, such as GET /api/health`}},
		{"an empty match", pool + "routes: [{match: ''}]\n",
			[]string{`2:18: routes[0].match is empty; expected [METHOD,...] PATH, such as GET /api/health`}},
		{"the same name", pool + "routes: [{match: /a, name: x}, {match: /b, name: x}]\n",
			[]string{`2:50: routes[1].name gives the route the name "x", which routes[0] already has; set a different name`}},
		{"the name of another's match", pool + "routes: [{match: /a}, {match: /b, name: /a}]\n",
			[]string{`2:41: routes[1].name gives the route the name "/a", which routes[0] already has; set a different name`}},
		{"the same match", pool + "routes: [{match: /a}, {match: /a, hosts: [b]}]\n",
			[]string{`2:31: routes[1].match is repeated: got "/a", which routes[0] has too; that route comes first and matches all these ` +
				`requests, so this route is never used; remove one of them`}},
		{"the very same match", pool + "routes: [{match: /a, hosts: [a.b, '*.c']}, {match: /a, hosts: [x.c]}]\n",
			[]string{`2:52: routes[1].match is repeated: got "/a", which routes[0] has too; that route comes first and matches all these ` +
				`requests, so this route is never used; remove one of them`}},
		{"the same match for another host", pool + "routes: [{match: /a, hosts: [a]}, {match: /a, hosts: [a, b]}]\n",
			[]string{`2:43: routes[1].match gives the route the name "/a", which routes[0] already has; set a different name`}},
		{"the same match for any host", pool + "routes: [{match: /a, hosts: [a]}, {match: /a}]\n",
			[]string{`2:43: routes[1].match gives the route the name "/a", which routes[0] already has; set a different name`}},
		{"the same match for hosts that cannot be read", pool + "routes: [{match: /a, hosts: ['*']}, {match: /a}]\n", []string{
			`2:30: routes[0].hosts[0] is "*", which is not supported; leave hosts out to take any host`,
			`2:45: routes[1].match gives the route the name "/a", which routes[0] already has; set a different name`}},
		{"a match that is another's name", pool + "routes: [{match: /b, name: /a}, {match: /a}]\n",
			[]string{`2:41: routes[1].match gives the route the name "/a", which routes[0] already has; set a different name`}},
		{"the same match under two names", pool + "routes: [{match: /a}, {match: /a, hosts: [b], name: b}]\n", nil},
		{"a name too long", pool + "routes: [{match: /a, name: " + long + "}]\n",
			[]string{`2:28: routes[0].name is longer than 128 bytes; expected a name such as admin`}},
		{"a match too long for a name", pool + "routes: [{match: " + long + "}]\n",
			[]string{`2:18: routes[0].match is longer than 128 bytes, so it cannot be the name of the route too; set name`}},
		{"a long match with a name", pool + "routes: [{match: " + long + ", name: a}]\n", nil},
		{"a name that cannot be printed", pool + `routes: [{match: /a, name: "a\tb"}]` + "\n",
			[]string{`2:28: routes[0].name has a character that cannot be printed: got "a\tb"; expected a name such as admin`}},
		{"an empty name", pool + "routes: [{match: /a, name: ''}]\n",
			[]string{`2:28: routes[0].name is empty or has white space around it: got ""; expected a name such as admin`}},
		{"a number for a name", pool + "routes: [{match: /a, name: 1}]\n",
			[]string{`2:28: routes[0].name is not a string: got 1; expected a name such as admin, in quotes if it looks like a number, true or ` +
				`false`}},
		{"an unknown access", pool + "routes: [{match: /a, access: private, groups: [a]}]\n",
			[]string{`2:30: routes[0].access is invalid: got "private"; expected public, optional, required or deny`}},
		{"if_invalid on required", pool + "routes: [{match: /a, if_invalid: deny}]\n",
			[]string{`2:34: routes[0].if_invalid has no effect without access: optional, and this route is required; remove it`}},
		{"if_invalid on public", pool + "routes: [{match: /a, access: public, if_invalid: anonymous}]\n",
			[]string{`2:50: routes[0].if_invalid has no effect without access: optional, and this route is public; remove it`}},
		{"if_invalid with another word", pool + "routes: [{match: /a, access: optional, if_invalid: allow}]\n",
			[]string{`2:52: routes[0].if_invalid is invalid: got "allow"; expected deny or anonymous`}},
		{"requirements on public", pool +
			"routes:\n  - {match: /a, access: public, issuers: [pool], groups: [a],\n     scopes: {all: [b]}, clients: [c]}\n", []string{
			`3:33: routes[0].issuers` + asks, `3:50: routes[0].groups` + asks, `4:6: routes[0].scopes` + asks, `4:26: routes[0].clients` + asks,
		}},
		{"requirements on optional", pool + "routes: [{match: /a, access: optional, groups: [a]}]\n",
			[]string{`2:40: routes[0].groups is a requirement for a token, but this route is optional; write access: required, or remove it`}},
		{"requirements on deny", pool + "routes: [{match: /a, access: deny, groups: [a]}]\n",
			[]string{`2:36: routes[0].groups is a requirement for a token, but this route is deny; write access: required, or remove it`}},
		{"groups as a word", pool + "routes: [{match: /a, groups: admin}]\n",
			[]string{`2:30: routes[0].groups is the single value "admin"; expected a list such as [admin], or {all: [admin]} to ask for all of ` +
				`them`}},
		{"groups any and all", pool + "routes: [{match: /a, groups: {all: [a], any: [b]}}]\n", []string{`2:41: routes[0].groups` + noAny}},
		{"groups any", pool + "routes: [{match: /a, groups: {any: [a]}}]\n", []string{`2:36: routes[0].groups` + noAny}},
		{"groups any of none", pool + "routes: [{match: /a, groups: {any: []}}]\n", []string{`2:36: routes[0].groups` + noAny}},
		{"groups any of a word", pool + "routes: [{match: /a, groups: {any: a}}]\n", []string{`2:36: routes[0].groups` + noAny}},
		{"groups any in an alternative", pool + "routes: [{match: /a, any_of: [{groups: {any: [a]}}]}]\n",
			[]string{`2:46: routes[0].any_of[0].groups` + noAny}},
		{"groups all as a word", pool + "routes: [{match: /a, groups: {all: admin}}]\n",
			[]string{`2:36: routes[0].groups.all is the single value "admin"; expected a list such as [admin]`}},
		{"a group twice", pool + "routes: [{match: /a, groups: [a, b, a]}]\n",
			[]string{`2:37: routes[0].groups[2] repeats an earlier item; remove it`}},
		{"an unknown issuer", pool + "routes: [{match: /a, issuers: [pool, partner]}]\n",
			[]string{`2:38: routes[0].issuers[1] is an unknown issuer: got "partner"; expected one of pool`}},
		{"an issuer where there is none", "default: deny\nroutes: [{match: /a, issuers: [pool]}]\n", []string{
			`1:1: issuers is missing, so no token can be valid; add an issuer, or make every route public and write default: deny`,
			`2:32: routes[0].issuers[0] is an unknown issuer: got "pool"; add it under issuers`,
		}},
		{"a mistyped issuer", pool + "routes: [{match: /a, issuers: [Pool]}]\n",
			[]string{`2:32: routes[0].issuers[0] is an unknown issuer: got "Pool"; did you mean pool?`}},
	})
}

func TestHostMistakes(t *testing.T) {
	const host = `; expected a host such as api.example or "*.example"`
	check(t, []file{
		{"a host with a port", pool + "routes: [{match: /a, hosts: ['a.example:80']}]\n",
			[]string{`2:30: routes[0].hosts[0] has a port: got "a.example:80"; expected "a.example"`}},
		{"a host with a final dot", pool + "routes: [{match: /a, hosts: [a.example.]}]\n",
			[]string{`2:30: routes[0].hosts[0] ends with a dot: got "a.example."; remove the dot`}},
		{"any host", pool + "routes: [{match: /a, hosts: ['*']}]\n",
			[]string{`2:30: routes[0].hosts[0] is "*", which is not supported; leave hosts out to take any host`}},
		{"a wildcard inside", pool + "routes: [{match: /a, hosts: ['a.*.example']}]\n",
			[]string{`2:30: routes[0].hosts[0] is not a host (names outside of ASCII need their xn-- form): got "a.*.example"` + host}},
		{"a wildcard over nothing", pool + "routes: [{match: /a, hosts: ['*.']}]\n",
			[]string{`2:30: routes[0].hosts[0] ends with a dot: got "*."; remove the dot`}},
		{"half a label", pool + "routes: [{match: /a, hosts: ['*a.example']}]\n",
			[]string{`2:30: routes[0].hosts[0] is not a host (names outside of ASCII need their xn-- form): got "*a.example"` + host}},
		{"a host too long", pool + "routes: [{match: /a, hosts: [" + strings.Repeat("a.", 127) + "]}]\n", []string{
			`2:30: routes[0].hosts[0] ends with a dot: got "` + strings.Repeat("a.", 40) + `"...; remove the dot`}},
		{"a name too long for DNS", pool + "routes: [{match: /a, hosts: [" + strings.Repeat("a.", 127) + "a]}]\n", []string{
			`2:30: routes[0].hosts[0] is not a host (names outside of ASCII need their xn-- form): got "` + strings.Repeat("a.", 40) + `"...` +
				host}},
		{"a URL", pool + "routes: [{match: /a, hosts: ['https://a.example']}]\n",
			[]string{`2:30: routes[0].hosts[0] is not a host (names outside of ASCII need their xn-- form): got "https://a.example"` + host}},
		{"a host that is not ASCII", pool + "routes: [{match: /a, hosts: [bücher.example]}]\n",
			[]string{`2:30: routes[0].hosts[0] is not a host (names outside of ASCII need their xn-- form): got "bücher.example"` + host}},
		{"IPv6 without brackets", pool + "routes: [{match: /a, hosts: ['::1']}]\n",
			[]string{`2:30: routes[0].hosts[0] is invalid: got "::1"; expected an IPv6 address in [ ], or an IPv4 address without`}},
		{"another spelling of an IPv6 address", pool + "routes: [{match: /a, hosts: ['[2001:DB8:0:0::1]']}]\n",
			[]string{`2:30: routes[0].hosts[0] is not in canonical form: got "[2001:DB8:0:0::1]"; expected [2001:db8::1]`}},
		{"a zone", pool + "routes: [{match: /a, hosts: ['[fe80::1%eth0]']}]\n",
			[]string{`2:30: routes[0].hosts[0] has a zone: got "[fe80::1%eth0]"; expected an IP address without a zone`}},
		{"IPv4 in brackets", pool + "routes: [{match: /a, hosts: ['[10.0.0.1]']}]\n",
			[]string{`2:30: routes[0].hosts[0] is invalid: got "[10.0.0.1]"; expected an IPv6 address in [ ], or an IPv4 address without`}},
		{"the same host in another case", pool + "routes: [{match: /a, hosts: [a.example, A.EXAMPLE]}]\n",
			[]string{`2:41: routes[0].hosts[1] repeats an earlier item; remove it`}},
	})
}

// TestRouteIssuers: with more than one issuer, a route with requirements must name its
// issuers.
func TestRouteIssuers(t *testing.T) {
	const two = "issuers:\n  a: {cognito: us-west-1_a, clients: [c], prefix: ''}\n  b: {cognito: us-west-1_b, clients: [c], prefix: 'b:'}\n"
	const needs = ` has no issuers; with more than one issuer, a route with groups, scopes, clients, when, max_auth_age or acr needs them; ` +
		`write issuers: [a, b], or only some of them`
	check(t, []file{
		{"groups", two + "routes: [{match: /a, groups: [x]}]\n", []string{"4:10: routes[0]" + needs}},
		{"scopes", two + "routes: [{match: /a, scopes: {all: [x]}}]\n", []string{"4:10: routes[0]" + needs}},
		{"clients", two + "routes:\n  - match: /a\n    clients: [x]\n", []string{"5:5: routes[0]" + needs}},
		{"named", two + "routes: [{match: /a, groups: [x], issuers: [b]}]\n", nil},
		{"nothing asked", two + "routes: [{match: /a}]\n", nil},
		{"named wrongly is one mistake", two + "routes: [{match: /a, groups: [x], issuers: [c]}]\n",
			[]string{`4:45: routes[0].issuers[0] is an unknown issuer: got "c"; expected one of a, b`}},
	})
}

// TestAlternatives tests any_of and step-up, and mistakes in them.
func TestAlternatives(t *testing.T) {
	c := parse(t,
		pool+"routes: [{match: /a, any_of: [{groups: [sales]}, {scopes: {all: [x, y]}, clients: [cli]}], max_auth_age: 1h, acr: [gold]}]\n")
	want := config.Requirement{
		AnyOf: []config.Alternative{
			{Groups: config.Choice{Any: []string{"sales"}}},
			{Scopes: config.Choice{All: []string{"x", "y"}}, Clients: config.Choice{Any: []string{"cli"}}},
		},
		MaxAuthAge: time.Hour, ACR: []string{"gold"},
	}
	compare(t, []valueRow{{"requirement", c.Routes[0].Requirement, want}})
	for yaml, text := range map[string]string{
		"any_of: []": `2:22: routes[0].any_of is an empty list; set it to a list of alternatives such as [{groups: ` +
			`[sales]}, {scopes: [orders/read]}], or remove the key`,
		"any_of: [{}]": `2:31: routes[0].any_of[0] is empty, so every token would satisfy it; expected a requirement such ` +
			`as {groups: [sales]}`,
		"any_of: [{groups: []}]": `2:32: routes[0].any_of[0].groups is an empty list; set it to a list such as [admin], or {all: ` +
			`[admin]} to ask for all of them, or remove the key`,
		"any_of: [{when: x}]":           `2:32: unknown key "when" in routes[0].any_of[0]; it belongs at routes[].when`,
		"any_of: [{issuers: [nobody]}]": `2:42: routes[0].any_of[0].issuers[0] is an unknown issuer: got "nobody"; expected one of pool`,
		"max_auth_age: 0s": `2:36: routes[0].max_auth_age is out of range: got "0s"; expected a duration with its unit, such ` +
			`as 1h, from 1s to 8760h`,
		`acr: ['a b']`: `2:28: routes[0].acr[0] is invalid: got "a b"; expected an authentication context class without ` +
			`spaces, quotes and backslashes`,
		"access: optional, acr: [gold]": `2:40: routes[0].acr is a requirement for a token, but this route is optional; write access: ` +
			`required, or remove it`,
		"access: public, max_auth_age: 1h": `2:52: routes[0].max_auth_age is a requirement for a token, but this route is public; write ` +
			`access: required, or remove it`,
	} {
		t.Run(yaml, func(t *testing.T) { same(t, mistakes(t, pool+"routes: [{match: /a, "+yaml+"}]\n"), []string{text}) })
	}
}

// TestAlternativesNameTheirIssuers: with more than one issuer, the route or each
// alternative must name its issuers.
func TestAlternativesNameTheirIssuers(t *testing.T) {
	const two = `issuers:
  a: {issuer: "https://a.example", audiences: [x], prefix: ""}
  b: {issuer: "https://b.example", audiences: [x], prefix: "b:"}
`
	for yaml, text := range map[string]string{
		"any_of: [{groups: [g]}, {issuers: [b], groups: [h]}]": `4:22: routes[0].any_of has an alternative without issuers; with more than ` +
			`one issuer, the route or every alternative needs them; write issuers: [a, b], or only some of them`,
		"max_auth_age: 1h": `4:10: routes[0] has no issuers; with more than one issuer, a route with groups, scopes, clients, when, ` +
			`max_auth_age or acr needs them; write issuers: [a, b], or only some of them`,
		"any_of: [{issuers: [a], groups: [g]}, {issuers: [b], groups: [h]}]": "",
		"issuers: [a], any_of: [{groups: [g]}, {groups: [h]}]":               "",
	} {
		t.Run(yaml, func(t *testing.T) {
			yaml := two + "routes: [{match: /a, " + yaml + "}]\n"
			if text == "" {
				parse(t, yaml)
				return
			}
			same(t, mistakes(t, yaml), []string{text})
		})
	}
}

// TestScopes: a route accepts every scope-token (RFC 6749 section 3.3) and rejects
// other texts.
func TestScopes(t *testing.T) {
	const hint = `; expected one scope per item, in ASCII without spaces, quotes and backslashes`
	for name, scope := range map[string]string{"two in one": "read write", "a quote": `a"b`, "a backslash": `a\b`, "not ASCII": "lösen"} {
		t.Run(name, func(t *testing.T) {
			check(t, []file{
				{"any", pool + "routes: [{match: /a, scopes: ['" + scope + "']}]\n",
					[]string{"2:31: routes[0].scopes[0] is not a scope: got " + quoted(scope) + hint}},
				{"all", pool + "routes: [{match: /a, scopes: {all: [ok, '" + scope + "']}}]\n",
					[]string{"2:41: routes[0].scopes.all[1] is not a scope: got " + quoted(scope) + hint}},
				{"an alternative", pool + "routes: [{match: /a, any_of: [{scopes: ['" + scope + "']}]}]\n",
					[]string{"2:41: routes[0].any_of[0].scopes[0] is not a scope: got " + quoted(scope) + hint}},
			})
		})
	}
	const every = "!#$%&()*+,-./0:;<=>?@A[]^_`a{|}~"
	c := parse(t, pool+"routes: [{match: /a, scopes: ['"+every+"'], groups: ['two words']}]\n")
	compare(t, []valueRow{{"scopes", c.Routes[0].Requirement.Scopes, config.Choice{Any: []string{every}}}})
}
