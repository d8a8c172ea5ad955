package route_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// compile compiles a whole configuration.
func compile(t *testing.T, yaml string) *route.Table {
	t.Helper()
	cfg, err := config.Parse("gate.yaml", []byte(yaml), nil)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := route.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

const shop = `
issuers:
  shop: {issuer: https://shop.example/, audiences: [shop]}
routes:
  - {name: health,     match: 'GET /api/health',            access: public}
  - {name: profile,    match: '/api/users/me',              access: optional, if_invalid: anonymous}
  - {name: user,       match: 'GET,PUT /api/users/{id}'}
  - {name: no-users,   match: '/api/users/**',              access: deny}
  - {name: partners,   match: '/api/**', hosts: ['*.partner.example', b2b.example], access: optional}
  - {name: api,        match: '/api/**',                    groups: [staff]}
  - {name: never,      match: '/api/health',                access: public}
`

// The first route that covers method, host and path decides.
func TestTableMatch(t *testing.T) {
	routes := compile(t, shop)
	for _, row := range []struct{ method, host, target, want string }{
		{"GET", "shop.example", "/api/health", "health"},
		{"GET", "shop.example", "/api/he%61lth?x", "health"},
		{"POST", "shop.example", "/api/health", "api"},
		{"HEAD", "shop.example", "/api/health", "api"},
		{"get", "shop.example", "/api/health", "api"},
		{"GET", "shop.example", "/api/health/", "api"},
		{"GET", "shop.example", "/api/Health", "api"},
		{"GET", "shop.example", "/api/users/me", "profile"},
		{"DELETE", "shop.example", "/api/users/me", "profile"},
		{"GET", "shop.example", "/api/users/ME", "user"},
		{"GET", "shop.example", "/api/users/7", "user"},
		{"PUT", "shop.example", "/api/users/7", "user"},
		{"DELETE", "shop.example", "/api/users/7", "no-users"},
		{"GET", "shop.example", "/api/users/", "no-users"},
		{"GET", "shop.example", "/api/users", "no-users"},
		{"GET", "shop.example", "/api/users/7/x", "no-users"},
		{"GET", "shop.example", "/api/orders", "api"},
		{"GET", "a.partner.example", "/api/orders", "partners"},
		{"GET", "A.Partner.Example:8443", "/api/orders", "partners"},
		{"GET", "a.b.partner.example.", "/api/orders", "partners"},
		{"GET", "b2b.example", "/api/orders", "partners"},
		{"GET", "partner.example", "/api/orders", "api"},
		{"GET", "evilpartner.example", "/api/orders", "api"},
		{"GET", "a.partner.example.evil.example", "/api/orders", "api"},
		{"GET", "x.b2b.example", "/api/orders", "api"},
		{"GET", "b2b.example.evil.example", "/api/orders", "api"},
		{"GET", "", "/api/orders", "api"},
		{"GET", "b2b.example", "/api/users/7", "user"},
		{"GET", "shop.example", "/apis", route.DefaultName},
		{"GET", "shop.example", "/", route.DefaultName},
	} {
		if got := matched(t, routes, row.method, row.host, row.target); got != row.want {
			t.Errorf("%s %s%s matches %s, want %s", row.method, row.host, row.target, got, row.want)
		}
	}
}

// A rule has the access of its route, and the table has all names.
func TestTableRules(t *testing.T) {
	routes := compile(t, shop)
	for _, row := range []struct {
		target    string
		access    config.Access
		anonymous bool
	}{
		{"/api/health", config.AccessPublic, false},
		{"/api/users/me", config.AccessOptional, true},
		{"/api/users/7", config.AccessRequired, false},
		{"/api/users", config.AccessDeny, false},
		{"/elsewhere", config.AccessRequired, false},
	} {
		path, err := request.ParsePath(row.target, config.Relaxed{})
		if err != nil {
			t.Fatal(err)
		}
		rule := routes.Match("GET", "shop.example", &path)
		if rule.Access != row.access || rule.AnonymousIfInvalid != row.anonymous {
			t.Errorf("%s: %s, %t, want %s, %t", row.target, rule.Access, rule.AnonymousIfInvalid, row.access, row.anonymous)
		}
	}
	want := []string{"health", "profile", "user", "no-users", "partners", "api", "never", "default"}
	if got := routes.Names(); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

// A rule reads credentials from its route's places, or else, like the default rule, from
// those of the whole configuration.
func TestRuleCredentials(t *testing.T) {
	routes := compile(t, `
issuers: {shop: {issuer: https://shop.example/, audiences: [shop]}}
tokens: {from: [bearer, {header: x-token}], forward: true}
routes:
  - {match: /own, tokens_from: [{query: access_token}], forward: false}
  - {match: /shared}
`)
	shared := []config.TokenSource{{Kind: config.SourceBearer}, {Kind: config.SourceHeader, Name: "x-token"}}
	for target, want := range map[string]struct {
		from    []config.TokenSource
		forward bool
	}{
		"/own":    {[]config.TokenSource{{Kind: config.SourceQuery, Name: "access_token"}}, false},
		"/shared": {shared, true},
		"/other":  {shared, true},
	} {
		path, err := request.ParsePath(target, config.Relaxed{})
		if err != nil {
			t.Fatal(err)
		}
		rule := routes.Match("GET", "", &path)
		if !reflect.DeepEqual(rule.TokensFrom, want.from) || rule.Forward != want.forward {
			t.Errorf("%s: from %+v, forward %t", target, rule.TokensFrom, rule.Forward)
		}
	}
}

// TestTableDefault: a request that no route matches gets the default: required or deny, never open.
func TestTableDefault(t *testing.T) {
	for yaml, want := range map[string]config.Access{
		"issuers: {a: {issuer: https://a.example/, audiences: [a]}}":                    config.AccessRequired,
		"issuers: {a: {issuer: https://a.example/, audiences: [a]}}\ndefault: required": config.AccessRequired,
		"issuers: {a: {issuer: https://a.example/, audiences: [a]}}\ndefault: deny":     config.AccessDeny,
		"default: deny\nroutes: [{match: /open, access: public}]":                       config.AccessDeny,
	} {
		routes := compile(t, yaml)
		for _, target := range []string{"/", "/x", "/open/", "/default"} {
			path, err := request.ParsePath(target, config.Relaxed{})
			if err != nil {
				t.Fatal(err)
			}
			rule := routes.Match("GET", "a.example", &path)
			if rule.Name != route.DefaultName || rule.Access != want || rule.AnonymousIfInvalid {
				t.Errorf("%s with %q: %+v, want %s", target, yaml, rule, want)
			}
		}
	}
	if _, err := config.Parse("gate.yaml", []byte("default: public"), nil); err == nil {
		t.Error("default: public is accepted")
	}
}

// The zero path matches no route.
func TestTableMatchesNoPath(t *testing.T) {
	if got := table(t, "/", "/a", "/{x}").Match("GET", "", new(request.Path)); got.Name != route.DefaultName {
		t.Errorf("no path matches %s", got.Name)
	}
}
