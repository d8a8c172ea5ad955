package route_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/route"
)

// TestHeadersRead: a name that a condition looks up is found however it is
// written, and a condition that may look at any field is known for it.
func TestHeadersRead(t *testing.T) {
	for _, row := range []struct {
		name, when string
		want       []string
		wantAll    bool
	}{
		{"none", `token.subject == "a"`, nil, false},
		{"by index", `request.headers["x-tenant"] == "a"`, []string{"x-tenant"}, false},
		{"by a leading dot", `.request.headers["x-tenant"] == "a"`, []string{"x-tenant"}, false},
		{"as a member", `request.headers.tenant == claims.tenant`, []string{"tenant"}, false},
		{"whether it is there", `has(request.headers.tenant) || "x-b" in request.headers`, []string{"tenant", "x-b"}, false},
		{"several, one twice", `request.headers["b"] == request.headers["a"] && request.headers["b"] != ""`, []string{"a", "b"}, false},
		{"inside a macro", `token.groups.exists(g, g == request.headers["x-team"])`, []string{"x-team"}, false},
		{"of a part of the value", `request.headers["x-tenant"].startsWith("a")`, []string{"x-tenant"}, false},
		{"as a key of another map", `claims[request.headers["x-claim"]] == "a"`, []string{"x-claim"}, false},
		{"in a literal's text alone", `token.subject == "request.headers[\"x-a\"]"`, nil, false},
		{"capitals as they are written", `"X-Tenant" in request.headers`, []string{"X-Tenant"}, false},
		{"a name that is worked out", `request.headers["x-" + token.client] == "a"`, nil, true},
		{"a name of the token", `token.client in request.headers`, nil, true},
		{"one among others", `["x-a", "x-b"].exists(n, n in request.headers)`, nil, true},
		{"any field", `request.headers.exists(n, n.startsWith("x-debug"))`, nil, true},
		{"how many", `size(request.headers) < 50`, nil, true},
		{"the map itself", `request.headers == {"a": "b"}`, nil, true},
		{"the map in a list", `request.headers in [{"a": "b"}]`, nil, true},
		{"some by name, some not", `request.headers["x-a"] == "1" && request.headers.all(n, n != "x-b")`, []string{"x-a"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			faults, rule := route.Condition(row.when, "/a")
			if len(faults) > 0 {
				t.Fatalf("it does not compile: %v", faults)
			}
			names, all := rule.HeadersRead()
			if !slices.Equal(names, row.want) || all != row.wantAll {
				t.Errorf("reads %q (all: %v), want %q (all: %v)", names, all, row.want, row.wantAll)
			}
			if len(names) > 0 {
				names[0] = "changed"
				if again, _ := rule.HeadersRead(); again[0] == "changed" {
					t.Error("the rule can be changed through what it returns")
				}
			}
		})
	}
}

// TestTableHeadersRead: the table's are those of all its routes, those without
// a match too.
func TestTableHeadersRead(t *testing.T) {
	const issuers = "issuers: {a: {issuer: https://a.example, audiences: [b]}}\nroutes:\n"
	for _, row := range []struct {
		name, routes string
		want         []string
		wantAll      bool
	}{
		{"no condition", `  - {match: /a}`, nil, false},
		{"two routes", "  - {match: /a, when: '\"x-b\" in request.headers'}\n  - {name: n, when: '\"x-a\" in request.headers'}", []string{"x-a", "x-b"}, false},
		{"one of them any", "  - {match: /a, when: '\"x-b\" in request.headers'}\n  - {match: /b, when: 'size(request.headers) > 1'}", []string{"x-b"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg, err := config.Parse("test.yaml", []byte(issuers+row.routes), nil)
			if err != nil {
				t.Fatal(err)
			}
			table, err := route.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if names, all := table.HeadersRead(); !slices.Equal(names, row.want) || all != row.wantAll {
				t.Errorf("reads %q (all: %v), want %q (all: %v)", names, all, row.want, row.wantAll)
			}
		})
	}
}
