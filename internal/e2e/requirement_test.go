//go:build !race

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// TestOwnProfile: a condition on the template's variable allows users only their own
// profile, in any spelling of the path.
func TestOwnProfile(t *testing.T) {
	c := startConfigured(t, `routes:
  - {name: own, match: 'PUT /api/users/{id}/**', issuers: [cruddur, partner], when: token.subject == path.id}
  - {name: level, match: GET /api/level, issuers: [cruddur], when: claims.level >= 3}
`)
	const me = "4f0c5b8e-ann"
	ann := c.user(t, nil)
	partner := c.machine(t, map[string]any{"sub": me})
	put := func(path, who string) call {
		return call{line: "PUT " + path, headers: []string{who, "content-length: 0"}}
	}
	refused := &denial{wantStatus: http.StatusBadRequest, wantReason: "path_refused"}
	rows := []routed{
		{name: "her own", call: put("/api/users/"+me+"/name", ann), wantUser: me, wantKind: "user"},
		{name: "her own, nothing behind it", call: put("/api/users/"+me, ann), wantUser: me, wantKind: "user"},
		{name: "her own, percent-encoded", call: put("/api/users/%34f0c5b8e%2Dann/name", ann), wantUser: me, wantKind: "user"},
		{name: "another's", call: put("/api/users/77-bob/name", ann), wantDenied: forbidden("condition_false")},
		{name: "another's by dot segments", call: put("/api/users/"+me+"/../77-bob/name", ann), wantDenied: forbidden("condition_false")},
		{name: "another's by encoded dot segments", call: put("/api/users/"+me+"/%2e%2e/77-bob/name", ann),
			wantDenied: forbidden("condition_false")},
		{name: "her own in capitals is another's", call: put("/api/users/"+strings.ToUpper(me)+"/name", ann),
			wantDenied: forbidden("condition_false")},
		{name: "her own and a space", call: put("/api/users/"+me+"%20/name", ann), wantDenied: forbidden("condition_false")},
		{name: "twice encoded", call: put("/api/users/4f0c5b8e%252Dann/name", ann), wantDenied: refused},
		{name: "a dot segment behind a semicolon", call: put("/api/users/"+me+"/%2e%2e;/77-bob/name", ann), wantDenied: refused},
		{name: "a line feed", call: put("/api/users/"+me+"%0a/name", ann), wantDenied: refused},
		{name: "a name beyond ASCII", call: put("/api/users/Jos%C3%A9/name", c.user(t, map[string]any{"sub": "José"})),
			wantUser: "Jos%C3%A9", wantKind: "user"},
		{name: "the same name said by a partner", call: put("/api/users/"+me+"/name", partner), wantDenied: forbidden("condition_false")},
		{name: "the partner's own stands under its prefix", call: put("/api/users/partner%3A"+me+"/name", partner),
			wantUser: "partner:" + me, wantKind: "user"},
		{name: "without a token", call: put("/api/users/"+me+"/name", "x-other: a"),
			wantDenied: &denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}},

		{name: "a claim that is enough",
			call: call{line: "GET /api/level", headers: []string{c.user(t, map[string]any{"level": 3})}}, wantUser: me, wantKind: "user"},
		{name: "a claim that is not", call: call{line: "GET /api/level", headers: []string{c.user(t, map[string]any{"level": 2})}},
			wantDenied: forbidden("condition_false")},
		{name: "a claim that is not there", call: call{line: "GET /api/level", headers: []string{ann}}, wantDenied: forbidden("condition_error")},
		{name: "a claim of another type",
			call:       call{line: "GET /api/level", headers: []string{c.user(t, map[string]any{"level": "secret-7"})}},
			wantDenied: forbidden("condition_error")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.check(t, c) })
	}
	if strings.Contains(c.gate.Output.String(), "secret-7") {
		t.Error("the log quotes a claim")
	}
}

// TestAnyOfUsersAndMachines: one route allows users of one issuer by their group, and
// machines of another issuer by their scope; neither can use the other's right.
func TestAnyOfUsersAndMachines(t *testing.T) {
	c := startConfigured(t, `routes:
  - name: sales
    match: /api/sales/**
    any_of:
    - {issuers: [cruddur], groups: [sales]}
    - {issuers: [partner], scopes: [orders/read]}
`)
	get := func(who string) call { return call{line: "GET /api/sales/7", headers: []string{who}} }
	noScope := &denial{wantStatus: 403, wantReason: "scope_missing", wantChallenge: insufficientScope + `, scope="orders/read"`}
	rows := []routed{
		{name: "a user of the group", call: get(c.user(t, map[string]any{"cognito:groups": []string{"staff", "sales"}})),
			wantUser: "4f0c5b8e-ann", wantKind: "user"},
		{name: "a machine with the scope", call: get(c.machine(t, map[string]any{"scope": "orders/list orders/read"})),
			wantUser: "partner:robot-7", wantKind: "client"},
		{name: "a user without the group", call: get(c.user(t, map[string]any{"cognito:groups": []string{"staff"}})),
			wantDenied: forbidden("group_missing")},
		{name: "a user with the machines' scope", call: get(c.user(t, map[string]any{"scope": "orders/read"})),
			wantDenied: forbidden("group_missing")},
		{name: "a machine without the scope", call: get(c.machine(t, nil)), wantDenied: noScope},
		{name: "a machine with the users' group", call: get(c.machine(t, map[string]any{"groups": []string{"sales"}})), wantDenied: noScope},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.check(t, c) })
	}
}

// TestStepUp: the denial of a login that is too old or too weak tells the client what to do
// (RFC 9470), including scripts in a browser and gRPC clients.
func TestStepUp(t *testing.T) {
	c := startConfigured(t, `routes:
  - {name: transfer, match: POST /api/transfer, issuers: [cruddur], max_auth_age: 10m, acr: [gold, phr]}
  - {name: grpc, match: 'POST /grpc.health.v1.Health/{method}', issuers: [cruddur], max_auth_age: 10m}
`)
	login := func(age time.Duration, acr string) string {
		return c.user(t, map[string]any{"auth_time": time.Now().Add(-age).Unix(), "acr": acr})
	}
	post := func(who string) call {
		return call{line: "POST /api/transfer", headers: []string{who, "content-length: 0", "origin: http://localhost:3000"}}
	}
	again := func(reason string) *denial {
		return &denial{
			wantStatus: 401, wantReason: reason,
			wantChallenge: `Bearer realm="jwtgate", error="insufficient_user_authentication", max_age=600, acr_values="gold phr"`,
		}
	}
	rows := []routed{
		{name: "a fresh and strong login", call: post(login(time.Minute, "phr")), wantUser: "4f0c5b8e-ann", wantKind: "user"},
		{name: "an old login", call: post(login(11*time.Minute, "phr")), wantDenied: again("login_too_old")},
		{name: "no word on the login's age", call: post(c.user(t, map[string]any{"acr": "phr"})), wantDenied: again("login_too_old")},
		{name: "a weak login", call: post(login(time.Minute, "silver")), wantDenied: again("acr_too_weak")},
		{name: "no word on the login's strength", call: post(c.user(t, map[string]any{"auth_time": time.Now().Unix()})),
			wantDenied: again("acr_too_weak")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.check(t, c) })
	}
	t.Run("a browser's script can read the challenge", func(t *testing.T) {
		got := http1(t, c.shipped.address, post(login(time.Hour, "phr")))
		if got.Header.Get("Access-Control-Allow-Origin") != "http://localhost:3000" ||
			!strings.Contains(strings.ToLower(got.Header.Get("Access-Control-Expose-Headers")), "www-authenticate") {
			t.Errorf("answer %d %v", got.Status, got.Header)
		}
	})
	t.Run("a gRPC client is told too", func(t *testing.T) {
		got := grpcstatus.Convert(callGRPC(t, c.shipped.address, strings.SplitN(login(time.Hour, "phr"), ": ", 2)...))
		if got.Code() != codes.Unauthenticated || !strings.Contains(got.Message(), "login_too_old") {
			t.Errorf("answer %v %q", got.Code(), got.Message())
		}
		if err := callGRPC(t, c.shipped.address, strings.SplitN(login(time.Minute, "phr"), ": ", 2)...); err != nil {
			t.Errorf("a fresh login is answered %v", err)
		}
	})
}
