package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// corsFilter is a filter of the shipped file, and routerFilter begins the last.
const (
	corsFilter = `          - name: envoy.filters.http.cors
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors }
`
	routerFilter = `          - name: envoy.filters.http.router
`
)

// TestDenialsThatNoCORSFilterSees: where CORS is done behind the gate, or not at
// all, the gate's own denials say whose scripts may read them. Where it is done
// before, nothing is said twice.
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
			{"a bad token, the listed origin", listed, call{line: "POST /", headers: []string{"authorization: Bearer null", "content-length: 0"}}, "token_malformed", true},
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
				case row.allowed && (origins != row.origin || !strings.Contains(exposed, "www-authenticate") || !strings.Contains(exposed, "retry-after") || strings.Contains(exposed, "|")):
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
	t.Run("what is allowed has Envoy's fields alone, once", func(t *testing.T) {
		got := http1(t, behind.address, call{line: "GET /", headers: []string{good, "origin: " + listed}})
		if origins := got.Header.Values("Access-Control-Allow-Origin"); got.Status != http.StatusOK || len(origins) != 1 || origins[0] != listed {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
	})
	t.Run("a preflight passes the gate and is answered behind it", func(t *testing.T) {
		c.application.take()
		got := http1(t, behind.address, call{line: "OPTIONS /admin", headers: []string{"origin: " + listed, "access-control-request-method: GET"}})
		if got.Status != http.StatusOK || got.Header.Get("Access-Control-Allow-Origin") != listed || len(c.application.take()) != 0 {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
	})
}
