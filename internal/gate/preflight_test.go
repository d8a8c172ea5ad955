package gate_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// With passYAML, preflights reach the application; with answerYAML, the gate answers them.
const (
	passYAML   = "cors: {preflight: pass}\n"
	answerYAML = "cors: {origins: [\"https://app.example\", \"http://localhost:3000\"]}\n"
)

// Browsers send a preflight without credentials, so it is forwarded. A request that only
// looks like a preflight, and that an application may act on, is not.
func TestPreflight(t *testing.T) {
	w := startWith(t, issuersYAML+passYAML+routesYAML)
	const origin, asks = "origin: https://app.example", "access-control-request-method: GET"
	type row struct {
		name   string
		r      *request.Request
		want   gate.Reason
		onRule string
	}
	rows := []row{
		{"as browsers send it", requestOf("OPTIONS", "/strict", origin, asks), "preflight", "strict"},
		{"with requested headers", requestOf("OPTIONS", "/strict", origin, asks, "access-control-request-headers: authorization,x-user-id"),
			"preflight", "strict"},
		{"an empty body", requestOf("OPTIONS", "/strict", origin, asks, "content-length: 0"), "preflight", "strict"},
		{"names in any case", requestOf("OPTIONS", "/strict", "Origin: null", "Access-Control-Request-Method: PUT"), "preflight", "strict"},
		{"on a public route", requestOf("OPTIONS", "/open/x", origin, asks), "preflight", "open"},
		{"where no route matches", requestOf("OPTIONS", "/nowhere", origin, asks), "preflight", "default"},
		{"with a token that is bad", requestOf("OPTIONS", "/strict", origin, asks, "authorization: Bearer null"), "preflight", "strict"},

		{"another method", requestOf("GET", "/strict", origin, asks), "credential_missing", "strict"},
		{"the method in lower case", requestOf("options", "/strict", origin, asks), "method_refused", "none"},
		{"no origin", requestOf("OPTIONS", "/strict", asks), "credential_missing", "strict"},
		{"no method asked for", requestOf("OPTIONS", "/strict", origin), "credential_missing", "strict"},
		{"an empty method", requestOf("OPTIONS", "/strict", origin, "access-control-request-method: "), "credential_missing", "strict"},
		{"two methods in two fields", requestOf("OPTIONS", "/strict", origin, asks, asks), "credential_missing", "strict"},
		{"an empty method and another", requestOf("OPTIONS", "/strict", origin, "access-control-request-method: ", asks),
			"credential_missing", "strict"},
		{"two methods in one field", requestOf("OPTIONS", "/strict", origin, "access-control-request-method: GET,PUT"),
			"credential_missing", "strict"},
		{"two methods with a space", requestOf("OPTIONS", "/strict", origin, "access-control-request-method: GET PUT"),
			"credential_missing", "strict"},
		{"a body", requestOf("OPTIONS", "/strict", origin, asks, "content-length: 1"), "credential_missing", "strict"},
		{"a body of odd length", requestOf("OPTIONS", "/strict", origin, asks, "content-length: 00"), "credential_missing", "strict"},
		{"a channel", requestOf("OPTIONS", "/strict", origin, asks, "upgrade: websocket", "connection: upgrade"), "credential_missing", "strict"},
		{"a body that HTTP/2 does not announce", requestOf("OPTIONS", "/strict", origin, asks, "content-type: text/plain"),
			"credential_missing", "strict"},
		{"trailers", requestOf("OPTIONS", "/strict", origin, asks, "trailer: x-user-id"), "credential_missing", "strict"},
		{"a chunked body", requestOf("OPTIONS", "/strict", origin, asks, "transfer-encoding: chunked"), "credential_missing", "strict"},
		{"a bad path", requestOf("OPTIONS", "/strict/../x", origin, asks), "path_refused", "none"},

		{"a route that denies", requestOf("OPTIONS", "/closed/x", origin, asks), "route_denied", "closed"},
		{"a method that is denied", requestOf("OPTIONS", "/fixed", origin, "access-control-request-method: DELETE"), "route_denied", "fixed"},
		{"another method of that path", requestOf("OPTIONS", "/fixed", origin, asks), "preflight", "default"},
	}
	for _, name := range []string{
		"X-HTTP-Method-Override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "Forwarded",
		"x-forwarded-host", "SCRIPT_NAME",
	} {
		for _, spelling := range []string{name, strings.ReplaceAll(name, "-", "_"), strings.ToUpper(name), strings.ReplaceAll(name, "-", ".")} {
			rows = append(rows, row{spelling, requestOf("OPTIONS", "/strict", origin, asks, spelling+": DELETE"), "credential_missing", "strict"})
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
	w := startWith(t, issuersYAML+passYAML+`
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
			d := w.decide(t, requestOf("OPTIONS", row.target, "origin: https://app.example", "access-control-request-method: "+row.method))
			if d.Reason != row.want || d.Route != row.onRule {
				t.Errorf("%s on route %s, want %s on %s", d.Reason, d.Route, row.want, row.onRule)
			}
		})
	}
}

func TestPreflightCheck(t *testing.T) {
	for name, cors := range map[string]string{"stated": "cors: {preflight: check}\n", "by default": ""} {
		w := startWith(t, issuersYAML+cors+"routes: [{match: /open, access: public}]\n")
		for target, want := range map[string]gate.Reason{"/orders": "credential_missing", "/open": "public"} {
			d := w.decide(t, requestOf("OPTIONS", target, "origin: https://app.example", "access-control-request-method: GET"))
			if d.Reason != want || d.PreflightChecked != (d.Verdict == gate.VerdictDeny) {
				t.Errorf("%s, %s: %s, checked %v, want %s", name, target, d.Reason, d.PreflightChecked, want)
			}
		}
		if d := w.decide(t, requestOf("OPTIONS", "/orders", "origin: https://app.example")); d.PreflightChecked {
			t.Errorf("%s: a request that is not a preflight is treated as a preflight", name)
		}
	}
}

// With cors.preflight: answer, the gate answers preflights and matches no route.
func TestPreflightAnswer(t *testing.T) {
	w := startWith(t, issuersYAML+answerYAML+routesYAML)
	const app, evil, asks = "origin: https://app.example", "origin: https://evil.example", "access-control-request-method: PUT"
	for _, row := range []struct {
		name string
		r    *request.Request
		want gate.Reason
		rule string
	}{
		{"a listed origin", requestOf("OPTIONS", "/strict", app, asks), "preflight_answered", "none"},
		{"on a closed route", requestOf("OPTIONS", "/closed/x", app, asks), "preflight_answered", "none"},
		{"where no route matches", requestOf("OPTIONS", "/nowhere", app, asks), "preflight_answered", "none"},
		{"with a route that Envoy names", named("nowhere", requestOf("OPTIONS", "/x", app, asks)), "preflight_answered", "none"},
		{"another origin", requestOf("OPTIONS", "/strict", evil, asks), "preflight_refused", "none"},
		{"another origin on a public route", requestOf("OPTIONS", "/open/x", evil, asks), "preflight_refused", "none"},
		{"an origin that only begins so", requestOf("OPTIONS", "/open/x", app+".evil.example", asks), "preflight_refused", "none"},
		{"no origin at all", requestOf("OPTIONS", "/strict", "origin: null", asks), "preflight_refused", "none"},
		{"a bad path", requestOf("OPTIONS", "/a//b", app, asks), "path_refused", "none"},
		{"a body", requestOf("OPTIONS", "/strict", app, asks, "content-type: text/plain"), "credential_missing", "strict"},
		{"no method asked for", requestOf("OPTIONS", "/strict", app), "credential_missing", "strict"},
		{"another method", requestOf("GET", "/strict", app, asks), "credential_missing", "strict"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := w.decide(t, row.r)
			if d.Reason != row.want || d.Route != row.rule || d.PreflightChecked {
				t.Errorf("%s on route %s, checked %v, want %s on %s", d.Reason, d.Route, d.PreflightChecked, row.want, row.rule)
			}
		})
	}
}

func TestPreflightFields(t *testing.T) {
	const asks = "access-control-request-method: PUT"
	const vary = "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	const origin = "access-control-allow-origin: https://app.example"
	for _, row := range []struct {
		name, cors string
		fields     []string
		want       []string
	}{
		{"what was asked for", "", []string{asks, "access-control-request-headers: authorization,x-csrf-token"},
			[]string{vary, origin, "access-control-max-age: 600", "access-control-allow-methods: PUT",
				"access-control-allow-headers: authorization, x-csrf-token"}},
		{"no headers asked for", "", []string{asks}, []string{vary, origin, "access-control-max-age: 600", "access-control-allow-methods: PUT"}},
		{"in two fields", "", []string{asks, "access-control-request-headers: a", "Access-Control-Request-Headers: b ,, c"},
			[]string{vary, origin, "access-control-max-age: 600", "access-control-allow-methods: PUT", "access-control-allow-headers: a, b, c"}},
		{"what is listed", ", methods: [GET, DELETE], headers: [authorization], max_age: 1h, credentials: true",
			[]string{asks, "access-control-request-headers: x-csrf-token"},
			[]string{vary, origin, "access-control-max-age: 3600", "access-control-allow-methods: GET, DELETE",
				"access-control-allow-headers: authorization", "access-control-allow-credentials: true"}},
		{"an invalid name", "", []string{asks, "access-control-request-headers: a, <script>"},
			[]string{vary, origin, "access-control-max-age: 600", "access-control-allow-methods: PUT"}},
		{"too many names", "", []string{asks, "access-control-request-headers: " + strings.Repeat("a,", 2000)},
			[]string{vary, origin, "access-control-max-age: 600", "access-control-allow-methods: PUT"}},
		{"what is not a method", "", []string{"access-control-request-method: <b>"}, []string{vary, origin, "access-control-max-age: 600"}},
		{"no caching", ", max_age: 0s", []string{asks}, []string{vary, origin, "access-control-max-age: 0", "access-control-allow-methods: PUT"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := startWith(t, issuersYAML+`cors: {origins: ["https://app.example"]`+row.cors+"}\n")
			d := w.decide(t, requestOf("OPTIONS", "/x", append([]string{"origin: https://app.example"}, row.fields...)...))
			if d.Reason != gate.ReasonPreflightAnswered {
				t.Fatal(d.Reason)
			}
			checkFields(t, d.Answer.Headers, row.want)
		})
	}
}
