package condition_test

import (
	"slices"
	"testing"
)

// TestHeadersRead: each name that a condition reads is found in every notation, and a
// condition that may read any field is reported.
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
		{"a computed name", `request.headers["x-" + token.client] == "a"`, nil, true},
		{"a name of the token", `token.client in request.headers`, nil, true},
		{"one among others", `["x-a", "x-b"].exists(n, n in request.headers)`, nil, true},
		{"any field", `request.headers.exists(n, n.startsWith("x-debug"))`, nil, true},
		{"how many", `size(request.headers) < 50`, nil, true},
		{"the map itself", `request.headers == {"a": "b"}`, nil, true},
		{"the map in a list", `request.headers in [{"a": "b"}]`, nil, true},
		{"some by name, some not", `request.headers["x-a"] == "1" && request.headers.all(n, n != "x-b")`, []string{"x-a"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			compiled := mustCompile(t, "/a", row.when)
			names, all := compiled.HeadersRead()
			if !slices.Equal(names, row.want) || all != row.wantAll {
				t.Errorf("reads %q (all: %v), want %q (all: %v)", names, all, row.want, row.wantAll)
			}
			if len(names) > 0 {
				names[0] = "changed"
				if again, _ := compiled.HeadersRead(); again[0] == "changed" {
					t.Error("the names that it returns are its own")
				}
			}
		})
	}
}
