//go:build !race

package e2e

import (
	"net/http"
	"testing"
)

// TestEnvoyNamesTheRoute: the route that Envoy names decides, even if an earlier one
// matches. If it does not match the request, or does not exist, the gate denies the request
// as an operator's fault. Clients cannot affect this.
func TestEnvoyNamesTheRoute(t *testing.T) {
	c := startConfigured(t, `cors: {preflight: pass}
routes:
  - {name: open, match: '/**', access: public}
  - {name: reports, issuers: [cruddur], groups: [sales]}
  - {name: order, match: 'GET /orders/{id}', hosts: [api.example], issuers: [cruddur], when: token.subject == path.id}
  - {name: closed, access: deny}
`)
	c.shipped = derivedEnvoy(t, c.gate.address, c.application.address, firstRoute, firstRoute+
		namedRoute("/reports", "{ jwtgate.route: reports }")+
		namedRoute("/orders", "{ jwtgate.route: order, team: sales }")+
		namedRoute("/closed", "{ jwtgate.route: closed }")+
		namedRoute("/lost", "{ jwtgate.route: nowhere }")+
		namedRoute("/nameless", `{ jwtgate.route: "" }`)+
		namedRoute("/slip", "{ jwtgate.rout: reports }")+
		namedRoute("/other", "{ team: sales }"))
	const me = "4f0c5b8e-ann"
	ann := c.user(t, nil)
	sales := c.user(t, map[string]any{"cognito:groups": []string{"sales"}})
	ask := func(line string, headers ...string) call { return call{line: line, headers: headers} }
	unavailable := func(reason string) *denial {
		return &denial{wantStatus: http.StatusServiceUnavailable, wantReason: reason}
	}
	missing := &denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}
	rows := []routed{
		{name: "no name, the first match", call: ask("GET /any")},
		{name: "a route without a match", call: ask("GET /reports/7", sales), wantUser: me, wantKind: "user"},
		{name: "its requirement holds", call: ask("GET /reports/7", ann), wantDenied: forbidden("group_missing")},
		{name: "the open route is not looked for", call: ask("GET /reports/7"), wantDenied: missing},
		{name: "a client names another", call: ask("GET /reports/7", "jwtgate.route: open", "x-jwtgate-route: open"), wantDenied: missing},
		{name: "a client writes the name into the path", call: ask("GET /reports/7?jwtgate.route=open"), wantDenied: missing},
		{name: "the path guard holds", call: ask("GET /reports/a;b", sales), wantDenied: &denial{wantStatus: 400, wantReason: "path_refused"}},
		{name: "the named route's template", call: ask("GET /orders/"+me, ann), wantUser: me, wantKind: "user"},
		{name: "the named route's condition", call: ask("GET /orders/77-bob", ann), wantDenied: forbidden("condition_false")},
		{name: "not the named route's template", call: ask("GET /orders/"+me+"/lines", ann), wantDenied: unavailable("route_mismatch")},
		{name: "not the named route's method", call: ask("DELETE /orders/"+me, ann), wantDenied: unavailable("route_mismatch")},
		{name: "not the named route's host", call: ask("GET /orders/"+me, ann, "host: other.example"), wantDenied: unavailable("route_mismatch")},
		{name: "a named route that is closed", call: ask("GET /closed", sales), wantDenied: &denial{wantStatus: 403, wantReason: "route_denied"}},
		{name: "a route that is not there", call: ask("GET /lost", sales), wantDenied: unavailable("route_unknown")},
		{name: "an empty name", call: ask("GET /nameless", sales), wantDenied: unavailable("route_unknown")},
		{name: "a slip in the extension's name", call: ask("GET /slip", sales), wantDenied: unavailable("request_malformed")},
		{name: "an extension that is not the gate's", call: ask("GET /other")},
		{name: "a preflight of a named route",
			call: ask("OPTIONS /orders/"+me, "origin: https://other.example", "access-control-request-method: GET")},
		{name: "a preflight outside its template",
			call:       ask("OPTIONS /orders/a/b", "origin: https://other.example", "access-control-request-method: GET"),
			wantDenied: unavailable("route_mismatch")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.check(t, c) })
	}
}
