package gate_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

const namedYAML = issuersYAML + `
default: deny
routes:
  - {name: everything, match: /first/**, access: public}
  - {name: open,    match: GET /open/**, access: public}
  - {name: hosted,  match: /hosted, hosts: [api.example], access: public}
  - {name: only,    issuers: [home], groups: [admin]}
  - {name: bounded, hosts: ["*.inside.example"], access: public}
  - {name: closed,  match: /closed, access: deny}
  - {name: own,     match: "GET /first/{id}", issuers: [home], when: token.subject == path.id}
  - {name: lax,     match: /lax, access: optional, if_invalid: anonymous}
`

// A route that Envoy names decides the request. The request must match its methods, hosts and
// path. No other route is considered.
func TestNamedRoute(t *testing.T) {
	w := startWith(t, passYAML+namedYAML)
	admin := bearer(mint(t, w.home, claims(nil)))
	guest := bearer(mint(t, w.home, claims(map[string]any{"groups": []string{"guests"}})))
	on := func(host string, r *request.Request) *request.Request {
		r.Authority = host
		return r
	}
	const origin, asks = "origin: https://app.example", "access-control-request-method: DELETE"
	for _, row := range []struct {
		name    string
		r       *request.Request
		want    gate.Reason
		onRoute string
	}{
		{"its own request", named("open", get("/open/x")), "public", "open"},
		{"before one that matches", named("own", get("/first/alice", admin)), "allowed", "own"},
		{"its condition has its path", named("own", get("/first/bob", admin)), "condition_false", "own"},
		{"its condition is not passed by without a token", named("own", get("/first/alice")), "credential_missing", "own"},
		{"another method", named("open", requestOf("POST", "/open/x")), "route_mismatch", "open"},
		{"another path", named("open", get("/first/x")), "route_mismatch", "open"},
		{"a path that is public under another route", named("own", get("/first/x/y")), "route_mismatch", "own"},
		{"its host", named("hosted", get("/hosted")), "public", "hosted"},
		{"another host", named("hosted", on("other.example", get("/hosted"))), "route_mismatch", "hosted"},
		{"without a match, any path", named("only", requestOf("DELETE", "/any/where", admin)), "allowed", "only"},
		{"without a match, its requirement", named("only", get("/any", guest)), "group_missing", "only"},
		{"without a match, its hosts", named("bounded", on("a.inside.example", get("/any"))), "public", "bounded"},
		{"without a match, another host", named("bounded", get("/any")), "route_mismatch", "bounded"},
		{"a closed one", named("closed", get("/closed", admin)), "route_denied", "closed"},
		{"a closed one that does not fit", named("closed", get("/open/x")), "route_mismatch", "closed"},
		{"default", named("default", get("/open/x")), "route_denied", "default"},
		{"a name that no route has", named("opne", get("/open/x")), "route_unknown", "none"},
		{"a name in other letters", named("Open", get("/open/x")), "route_unknown", "none"},
		{"an empty name", named("", get("/open/x")), "route_unknown", "none"},
		{"a match is not a name where another is stated", named("GET /open/**", get("/open/x")), "route_unknown", "none"},
		{"the path guard holds", named("only", get("/any/..;/x", admin)), "path_refused", "none"},
		{"the path guard holds before the name", named("nowhere", get("/a//b")), "path_refused", "none"},
		{"the host guard holds", named("only", on("a.example,b.example", get("/any", admin))), "host_refused", "none"},
		{"no further rules", named("hosted", get("/hosted")), "public", "hosted"},
		{"a method in the query", named("only", requestOf("POST", "/any?_method=DELETE", admin)), "method_refused", "none"},
		{"the same of a GET", named("only", get("/any?_method=DELETE", admin)), "allowed", "only"},
		{"if_invalid is its own", named("lax", get("/lax", bearer("null"))), "anonymous_invalid", "lax"},
		{"if_invalid excuses no mismatch", named("lax", get("/open/x", bearer("null"))), "route_mismatch", "lax"},

		{"a preflight of another method", named("open", requestOf("OPTIONS", "/open/x", origin, asks)), "preflight", "open"},
		{"a preflight that another route denies", named("only", requestOf("OPTIONS", "/closed", origin, asks)), "preflight", "only"},
		{"a preflight of another path", named("open", requestOf("OPTIONS", "/first/x", origin, asks)), "route_mismatch", "open"},
		{"a preflight of another host", named("hosted", on("other.example", requestOf("OPTIONS", "/hosted", origin, asks))),
			"route_mismatch", "hosted"},
		{"a preflight of a closed one", named("closed", requestOf("OPTIONS", "/closed", origin, asks)), "route_denied", "closed"},
		{"a preflight of none", named("nowhere", requestOf("OPTIONS", "/open/x", origin, asks)), "route_unknown", "none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := w.decide(t, row.r)
			if d.Reason != row.want || d.Route != row.onRoute {
				t.Errorf("%s on route %s (%s), want %s on %s", d.Reason, d.Route, d.InternalDetail, row.want, row.onRoute)
			}
		})
	}
}

// A route without a match applies only to requests that Envoy names it for.
func TestRouteWithoutMatchIsReachedByNameOnly(t *testing.T) {
	w := startWith(t, issuersYAML+`
default: deny
routes: [{name: bounded, hosts: [api.example], access: public}]
`)
	if d := w.decide(t, get("/any")); d.Reason != gate.ReasonRouteDenied || d.Route != "default" {
		t.Errorf("%s on route %s", d.Reason, d.Route)
	}
	if d := w.decide(t, named("bounded", get("/any"))); d.Reason != gate.ReasonPublic {
		t.Errorf("by its name: %s (%s)", d.Reason, d.InternalDetail)
	}
}

// Only Envoy's context extensions name a route; nothing that clients send does. A request
// with an unknown extension is denied, because its operator expects it to have an effect.
func TestContextExtensions(t *testing.T) {
	w := startWith(t, namedYAML)
	for _, row := range []struct {
		name       string
		extensions map[string]string
		want       gate.Reason
	}{
		{"none", nil, "public"},
		{"others'", map[string]string{"virtual_host": "a", "jwtgate": "only", "x-jwtgate.route": "only", "JWTGATE.ROUTE": "only"}, "public"},
		{"a route", map[string]string{"jwtgate.route": "open", "virtual_host": "a"}, "public"},
		{"a stranger", map[string]string{"jwtgate.rote": "only"}, "request_malformed"},
		{"a stranger beside a route", map[string]string{"jwtgate.route": "open", "jwtgate.shadow": "true"}, "request_malformed"},
		{"a prefix alone", map[string]string{"jwtgate.": ""}, "request_malformed"},
		{"the route in other letters", map[string]string{"jwtgate.Route": "open"}, "request_malformed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := get("/open/x", "jwtgate.route: only", "x-jwtgate-route: only")
			r.Extensions = row.extensions
			d := w.decide(t, r)
			if d.Reason != row.want {
				t.Errorf("%s (%s), want %s", d.Reason, d.InternalDetail, row.want)
			}
			if d.Verdict == gate.VerdictDeny && (d.Route != gate.RouteNone || d.Hint == "") {
				t.Errorf("route %s, hint %q", d.Route, d.Hint)
			}
		})
	}
}
