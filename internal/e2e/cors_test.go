//go:build !race

package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// corsFilter is a filter of the shipped file, and routerFilter the beginning of the last
// one.
const (
	corsFilter = `          - name: envoy.filters.http.cors
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors }
`
	routerFilter = `          - name: envoy.filters.http.router
`
)

// TestDenialsThatNoCORSFilterSees: if Envoy's CORS filter comes after the gate, or is
// missing, the gate's denials have CORS headers. If it comes first, there are no
// duplicates.
func TestDenialsThatNoCORSFilterSees(t *testing.T) {
	const listed = "http://localhost:3000"
	c := startConfigured(t, `cors: {origins: [`+listed+`, "https://app.example"], credentials: true}
routes:
  - {name: admin, match: /admin, issuers: [cruddur], groups: [admin]}
`)
	behind := derivedEnvoy(t, c.gate.address, c.application.address, corsFilter, "", routerFilter, corsFilter+routerFilter)
	bare := startBareEnvoy(t, c.gate.address, c.application.address)
	good := c.user(t, nil)
	for _, way := range []struct {
		name    string
		through *envoyProxy
	}{{"CORS behind the gate", behind}, {"no CORS", bare}, {"CORS before the gate", c.shipped}} {
		for _, row := range []struct {
			name, origin string
			call         call
			want         string
			allowed      bool // to be read
		}{
			{"no token, the listed origin", listed, call{line: "GET /"}, "credential_missing", true},
			{"a bad token, the listed origin", listed,
				call{line: "POST /", headers: []string{"authorization: Bearer null", "content-length: 0"}}, "token_malformed", true},
			{"another group, the listed origin", listed, call{line: "GET /admin", headers: []string{good}}, "group_missing", true},
			{"a refused path, the listed origin", listed, call{line: "GET /a;b"}, "path_refused", true},
			{"no token, another origin", "https://evil.example", call{line: "GET /"}, "credential_missing", false},
			{"no token, a longer origin", listed + "1", call{line: "GET /"}, "credential_missing", false},
			{"no token, the null origin", "null", call{line: "GET /"}, "credential_missing", false},
			{"no token, no origin", "", call{line: "GET /"}, "credential_missing", false},
		} {
			t.Run(way.name+"/"+row.name, func(t *testing.T) {
				if row.origin != "" {
					row.call = row.call.with("origin: " + row.origin)
				}
				got := http1(t, way.through.address, row.call)
				if got.problem(t).Reason != row.want {
					t.Errorf("answer %d %s, want %s", got.Status, got.Body, row.want)
				}
				origins := strings.Join(got.Header.Values("Access-Control-Allow-Origin"), " | ")
				exposed := strings.ToLower(strings.Join(got.Header.Values("Access-Control-Expose-Headers"), " | "))
				switch {
				case row.allowed &&
					(origins != row.origin || !strings.Contains(exposed, "www-authenticate") ||
						!strings.Contains(exposed, "retry-after") || strings.Contains(exposed, "|")):
					t.Errorf("the script may not read it: %v", got.Header)
				case !row.allowed && (origins != "" || exposed != "" || got.Header.Get("Access-Control-Allow-Credentials") != ""):
					t.Errorf("the script may read it: %v", got.Header)
				case row.allowed && got.Header.Get("Access-Control-Allow-Credentials") != "true":
					t.Errorf("the script may not send cookies: %v", got.Header)
				}
				if !strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Origin") {
					t.Errorf("a cache may give it to another origin: %v", got.Header)
				}
			})
		}
	}
	t.Run("what is allowed can be read too", func(t *testing.T) {
		got := http1(t, bare.address, call{line: "GET /", headers: []string{good, "origin: " + listed}})
		if got.Status != http.StatusOK || got.Header.Get("Access-Control-Allow-Origin") != listed ||
			got.Header.Get("Access-Control-Allow-Credentials") != "true" ||
			!strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
	})
	t.Run("of another origin it cannot", func(t *testing.T) {
		got := http1(t, bare.address, call{line: "GET /", headers: []string{good, "origin: https://evil.example"}})
		if got.Status != http.StatusOK || got.Header.Get("Access-Control-Allow-Origin") != "" ||
			got.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
	})
	t.Run("what the application says of it stays", func(t *testing.T) {
		got := http1(t, bare.address, call{line: "GET /cors", headers: []string{good, "origin: " + listed}})
		if origins := got.Header.Values("Access-Control-Allow-Origin"); len(origins) != 1 || origins[0] != "https://application.example" {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
	})
	t.Run("what is allowed has Envoy's fields alone, once", func(t *testing.T) {
		got := http1(t, behind.address, call{line: "GET /", headers: []string{good, "origin: " + listed}})
		if origins := got.Header.Values("Access-Control-Allow-Origin"); got.Status != http.StatusOK || len(origins) != 1 || origins[0] != listed {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
	})
}

// TestPreflightsThatTheGateAnswers: with cors.origins, the gate answers preflights of a
// listed origin and denies others, for any route. None reaches the application.
func TestPreflightsThatTheGateAnswers(t *testing.T) {
	const listed = "https://app.example"
	c := startConfigured(t, `cors: {origins: ["`+listed+`"], credentials: true}
routes:
  - {match: /public/**, access: public}
  - {name: admin, match: /admin/**, issuers: [cruddur], groups: [admin]}
`)
	bare := startBareEnvoy(t, c.gate.address, c.application.address)
	for _, way := range []way{{"shipped, HTTP/1.1", c.shipped, http1, false}, {"shipped, HTTP/2", c.shipped, http2, true},
		{"bare, HTTP/1.1", bare, http1, false}} {
		for _, path := range []string{"/public/x", "/admin/x", "/nowhere"} {
			ask := func(origin string) answer {
				return way.send(t, way.through.address, call{line: "OPTIONS " + path, headers: []string{
					"origin: " + origin, "access-control-request-method: PUT", "access-control-request-headers: authorization,x-csrf-token"}})
			}
			t.Run(way.name+path, func(t *testing.T) {
				got := ask(listed)
				want := map[string]string{
					"Access-Control-Allow-Origin": listed, "Access-Control-Allow-Methods": "PUT",
					"Access-Control-Allow-Headers": "authorization, x-csrf-token",
					"Access-Control-Max-Age":       "600", "Access-Control-Allow-Credentials": "true",
				}
				for name, value := range want {
					if got.Header.Get(name) != value {
						t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
					}
				}
				if got.Status != http.StatusOK || got.Body != "" {
					t.Errorf("answer %d %q", got.Status, got.Body)
				}
				refused := ask("https://evil.example")
				if refused.Status != http.StatusForbidden || refused.problem(t).Reason != "preflight_refused" ||
					refused.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("another origin: %d %v %s", refused.Status, refused.Header, refused.Body)
				}
				if seen := c.application.take(); len(seen) != 0 {
					t.Errorf("the application received %+v", seen)
				}
			})
		}
	}
}

// TestPreflightsThatPass: with cors.preflight: pass a preflight reaches the application
// without an identity, unless its route denies every request.
func TestPreflightsThatPass(t *testing.T) {
	c := startConfigured(t, `cors: {preflight: pass}
routes:
  - {name: erase, match: DELETE /messages/**, access: deny}
`)
	ask := func(method string) call {
		return call{line: "OPTIONS /messages/7",
			headers: []string{"origin: https://other.example", "access-control-request-method: " + method, "x-user-id: root"}}
	}
	if got := http1(t, c.shipped.address, ask("GET")); got.Status != http.StatusOK {
		t.Errorf("answer %d %s", got.Status, got.Body)
	}
	if received := c.application.only(t); received.Method != "OPTIONS" || received.Header.Get("X-User-Id") != "" {
		t.Errorf("the application received %+v", received)
	}
	for name, refused := range map[string]struct {
		call call
		want string
	}{
		"for a method that is denied": {ask("DELETE"), "route_denied"},
		"with a body":                 {ask("GET").with("content-length: 2"), "credential_missing"},
	} {
		if name == "with a body" {
			refused.call.body = "{}"
		}
		if got := http1(t, c.shipped.address, refused.call); got.problem(t).Reason != refused.want || len(c.application.take()) != 0 {
			t.Errorf("%s: answer %d %s", name, got.Status, got.Body)
		}
	}
}
