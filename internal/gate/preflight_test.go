package gate_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// Browsers send a preflight without credentials, so it goes on; what only looks
// like one, and which an application might act on, does not.
func TestPreflight(t *testing.T) {
	w := start(t)
	const origin, asks = "origin: https://app.example", "access-control-request-method: GET"
	type row struct {
		name   string
		r      *gate.Request
		want   gate.Reason
		onRule string
	}
	rows := []row{
		{"as browsers send it", request("OPTIONS", "/strict", origin, asks), "preflight", "strict"},
		{"with requested headers", request("OPTIONS", "/strict", origin, asks, "access-control-request-headers: authorization,x-user-id"), "preflight", "strict"},
		{"an empty body", request("OPTIONS", "/strict", origin, asks, "content-length: 0"), "preflight", "strict"},
		{"names in any case", request("OPTIONS", "/strict", "Origin: null", "Access-Control-Request-Method: PUT"), "preflight", "strict"},
		{"on a public route", request("OPTIONS", "/open/x", origin, asks), "preflight", "open"},
		{"where no route matches", request("OPTIONS", "/nowhere", origin, asks), "preflight", "default"},
		{"with a token that is bad", request("OPTIONS", "/strict", origin, asks, "authorization: Bearer null"), "preflight", "strict"},

		{"another method", request("GET", "/strict", origin, asks), "credential_missing", "strict"},
		{"the method in lower case", request("options", "/strict", origin, asks), "credential_missing", "strict"},
		{"no origin", request("OPTIONS", "/strict", asks), "credential_missing", "strict"},
		{"no method asked for", request("OPTIONS", "/strict", origin), "credential_missing", "strict"},
		{"an empty method", request("OPTIONS", "/strict", origin, "access-control-request-method: "), "credential_missing", "strict"},
		{"two methods in two fields", request("OPTIONS", "/strict", origin, asks, asks), "credential_missing", "strict"},
		{"an empty method and another", request("OPTIONS", "/strict", origin, "access-control-request-method: ", asks), "credential_missing", "strict"},
		{"two methods in one field", request("OPTIONS", "/strict", origin, "access-control-request-method: GET,PUT"), "credential_missing", "strict"},
		{"two methods with a space", request("OPTIONS", "/strict", origin, "access-control-request-method: GET PUT"), "credential_missing", "strict"},
		{"a body", request("OPTIONS", "/strict", origin, asks, "content-length: 1"), "credential_missing", "strict"},
		{"a body of odd length", request("OPTIONS", "/strict", origin, asks, "content-length: 00"), "credential_missing", "strict"},
		{"a channel", request("OPTIONS", "/strict", origin, asks, "upgrade: websocket", "connection: upgrade"), "credential_missing", "strict"},
		{"a body that HTTP/2 does not announce", request("OPTIONS", "/strict", origin, asks, "content-type: text/plain"), "credential_missing", "strict"},
		{"trailers", request("OPTIONS", "/strict", origin, asks, "trailer: x-user-id"), "credential_missing", "strict"},
		{"a chunked body", request("OPTIONS", "/strict", origin, asks, "transfer-encoding: chunked"), "credential_missing", "strict"},
		{"a bad path", request("OPTIONS", "/strict/../x", origin, asks), "path_refused", "none"},

		{"a route that denies", request("OPTIONS", "/closed/x", origin, asks), "route_denied", "closed"},
		{"a method that is denied", request("OPTIONS", "/fixed", origin, "access-control-request-method: DELETE"), "route_denied", "fixed"},
		{"another method of that path", request("OPTIONS", "/fixed", origin, asks), "preflight", "default"},
	}
	for _, name := range []string{"X-HTTP-Method-Override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"} {
		for _, spelling := range []string{name, strings.ReplaceAll(name, "-", "_"), strings.ToUpper(name), strings.ReplaceAll(name, "-", ".")} {
			rows = append(rows, row{spelling, request("OPTIONS", "/strict", origin, asks, spelling+": DELETE"), "credential_missing", "strict"})
		}
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d := w.decide(t, row.r)
			if d.Reason != row.want || d.Route != row.onRule {
				t.Errorf("%s on route %s, want %s on %s", d.Reason, d.Route, row.want, row.onRule)
			}
		})
	}
}

func TestPreflightUnderDefaultDeny(t *testing.T) {
	w := startWith(t, issuersYAML+`
default: deny
routes:
  - {name: read, match: GET /orders}
  - {name: ask,  match: OPTIONS /orders}
`)
	for name, row := range map[string]struct {
		target, method string
		want           gate.Reason
		onRule         string
	}{
		"both methods have a route":      {"/orders", "GET", "preflight", "ask"},
		"the method asked for has none":  {"/orders", "PUT", "route_denied", "default"},
		"neither has one":                {"/other", "GET", "route_denied", "default"},
		"a method that is never a token": {"/orders", "GET;", "route_denied", "default"},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.decide(t, request("OPTIONS", row.target, "origin: https://app.example", "access-control-request-method: "+row.method))
			if d.Reason != row.want || d.Route != row.onRule {
				t.Errorf("%s on route %s, want %s on %s", d.Reason, d.Route, row.want, row.onRule)
			}
		})
	}
}

func TestPreflightCheck(t *testing.T) {
	w := startWith(t, issuersYAML+"cors: {preflight: check}\nroutes: [{match: /open, access: public}]\n")
	for target, want := range map[string]gate.Reason{"/orders": "credential_missing", "/open": "public"} {
		d := w.decide(t, request("OPTIONS", target, "origin: https://app.example", "access-control-request-method: GET"))
		if d.Reason != want {
			t.Errorf("%s: %s, want %s", target, d.Reason, want)
		}
	}
}
