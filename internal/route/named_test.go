package route_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// named compiles routes that Envoy can choose by name.
func named(t *testing.T) *route.Table {
	t.Helper()
	compiled, err := route.New(&config.Config{
		Default: config.AccessDeny, Shadow: true, Audit: config.Audit{Sampling: config.Sampling{Denied: 1, Allowed: 100}},
		Routes: []config.Route{
			{Name: "user", Match: "GET,PUT /users/{id}", Hosts: []string{"api.example"}, Access: config.AccessRequired,
				Audit: config.Sampling{Denied: 7, Allowed: 8}},
			{Name: "stream", Access: config.AccessOptional, EndStreamsAtExpiry: true, Shadow: true},
			{Name: "inner", Hosts: []string{"*.inner.example"}, Access: config.AccessPublic},
			{Name: "all", Match: "/**", Access: config.AccessPublic},
			{Name: "last", Access: config.AccessDeny},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestTableNamed: every rule has its name, also the default rule, and no other name has a
// rule.
func TestTableNamed(t *testing.T) {
	routes := named(t)
	for _, name := range []string{"user", "stream", "inner", "all", "last", route.DefaultName} {
		if rule, ok := routes.Named(name); !ok || rule.Name != name {
			t.Errorf("%s: %v, %t", name, rule, ok)
		}
	}
	for _, name := range []string{"", "User", "users", "/**", "GET,PUT /users/{id}"} {
		if rule, ok := routes.Named(name); ok || rule != nil {
			t.Errorf("%q: %v", name, rule)
		}
	}
	if got, want := routes.Names(), []string{"user", "stream", "inner", "all", "last", "default"}; !slices.Equal(got, want) {
		t.Errorf("names %q", got)
	}
}

// A route without a match is found only by name, at any position in the file.
func TestMatchFindsNoNamedRoute(t *testing.T) {
	routes := named(t)
	for _, row := range []struct{ method, host, target, want string }{
		{"GET", "api.example", "/users/7", "user"},
		{"GET", "a.inner.example", "/users/7", "all"},
		{"GET", "", "/", "all"},
	} {
		if got := matched(t, routes, row.method, row.host, row.target); got != row.want {
			t.Errorf("%s %s%s matches %s, want %s", row.method, row.host, row.target, got, row.want)
		}
	}
}

// TestRuleCovers: a request for which Envoy names a rule must have the rule's method, host
// and path; a preflight its host and path.
func TestRuleCovers(t *testing.T) {
	routes := named(t)
	for _, row := range []struct {
		rule, method, host, target string
		covers, preflight          bool
	}{
		{"user", "GET", "api.example", "/users/7", true, true},
		{"user", "PUT", "api.example", "/users/7", true, true},
		{"user", "DELETE", "api.example", "/users/7", false, true},
		{"user", "get", "api.example", "/users/7", false, true},
		{"user", "OPTIONS", "api.example", "/users/7", false, true},
		{"user", "GET", "www.example", "/users/7", false, false},
		{"user", "GET", "", "/users/7", false, false},
		{"user", "GET", "api.example", "/users/7/x", false, false},
		{"user", "GET", "api.example", "/users/", false, false},
		{"user", "GET", "api.example", "/", false, false},
		{"stream", "ANY", "www.example", "/what/ever", true, true},
		{"stream", "GET", "", "/", true, true},
		{"inner", "GET", "a.inner.example", "/what/ever", true, true},
		{"inner", "GET", "inner.example", "/what/ever", false, false},
		{"all", "POST", "www.example", "/what/ever", true, true},
		{route.DefaultName, "POST", "www.example", "/what/ever", true, true},
	} {
		rule, _ := routes.Named(row.rule)
		path, err := request.ParsePath(row.target, config.Relaxed{})
		if err != nil {
			t.Fatal(err)
		}
		if got := rule.Covers(row.method, row.host, &path); got != row.covers {
			t.Errorf("%s covers %s %s%s: %t", row.rule, row.method, row.host, row.target, got)
		}
		if got := rule.CoversPreflight(row.host, &path); got != row.preflight {
			t.Errorf("%s covers a preflight of %s%s: %t", row.rule, row.host, row.target, got)
		}
	}
}

// A rule has its route's settings for streams, audit and shadow; the default rule has those
// of the whole configuration.
func TestRuleSettings(t *testing.T) {
	routes := named(t)
	for name, want := range map[string]route.Rule{
		"user":            {Audit: config.Sampling{Denied: 7, Allowed: 8}},
		"stream":          {EndStreamsAtExpiry: true, Shadow: true},
		route.DefaultName: {Shadow: true, Audit: config.Sampling{Denied: 1, Allowed: 100}},
	} {
		rule, _ := routes.Named(name)
		if rule.Audit != want.Audit || rule.Shadow != want.Shadow || rule.EndStreamsAtExpiry != want.EndStreamsAtExpiry {
			t.Errorf("%s: audit %v, shadow %t, streams %t", name, rule.Audit, rule.Shadow, rule.EndStreamsAtExpiry)
		}
	}
}

// A route with neither match nor name is left out.
func TestNewLeavesOutTheNameless(t *testing.T) {
	routes, err := route.New(&config.Config{Routes: []config.Route{{Access: config.AccessPublic}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := routes.Names(); !slices.Equal(got, []string{"default"}) {
		t.Errorf("names %q", got)
	}
}
