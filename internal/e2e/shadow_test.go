package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// passesInShadow sends a call that would be denied for a reason and that passes in shadow:
// without identity, without credential, and with the reason in the log only.
func passesInShadow(t *testing.T, c configured, one call, reason string) {
	t.Helper()
	c.application.take()
	before := len(c.gate.logged(t, "decision"))
	got := http1(t, c.shipped.address, one)
	if got.Status != http.StatusOK {
		t.Fatalf("status %d %s, want 200", got.Status, got.Body)
	}
	for name, values := range c.application.only(t).Header {
		if strings.HasPrefix(name, "X-User-") || name == "Authorization" {
			t.Errorf("the application received %s: %.20q", name, values)
		}
	}
	eventually(t, 2*time.Second, "the audit line", func() error {
		lines := c.gate.logged(t, "decision")
		if len(lines) != before+1 {
			return fmt.Errorf("%d lines, want 1", len(lines)-before)
		}
		if line := lines[before]; line["verdict"] != "allow" || line["reason"] != "shadowed" || line["would_deny"] != reason {
			t.Errorf("the audit line is %v, want a shadowed %s", line, reason)
		}
		return nil
	})
}

// TestRouteInShadow: the requirements of a route in shadow deny no request, and a request
// that violates them has no identity; other routes and the path checks still deny.
func TestRouteInShadow(t *testing.T) {
	c := startConfigured(t, `routes:
  - {name: new, match: '/api/new/**', issuers: [cruddur], groups: [admin], shadow: true}
  - {name: old, match: '/api/old/**', issuers: [cruddur], groups: [admin]}
`)
	get := func(path string, headers ...string) call { return call{line: "GET " + path, headers: headers} }
	forged := "x-user-id: forged"
	passesInShadow(t, c, get("/api/new/1", forged), "credential_missing")
	passesInShadow(t, c, get("/api/new/1", forged, "authorization: Bearer null"), "token_malformed")
	passesInShadow(t, c, get("/api/new/1", c.user(t, nil)), "group_missing")
	passesInShadow(t, c, get("/api/new/1", bearer(mintFor(t, c.issuers.cruddur, access(nil), -time.Minute))), "expired")
	admin := c.user(t, map[string]any{"cognito:groups": []string{"admin"}})
	routed{call: get("/api/new/1", admin), wantUser: "4f0c5b8e-ann", wantKind: "user"}.check(t, c)
	routed{call: get("/api/old/1", c.user(t, nil)), wantDenied: forbidden("group_missing")}.check(t, c)
	routed{call: get("/api/new/a;b", admin), wantDenied: &denial{wantStatus: 400, wantReason: "path_refused"}}.check(t, c)
	if got := c.gate.metric(t, `jwtgate_checks_total{reason="shadowed",route="new",verdict="allow"}`); got != 4 {
		t.Errorf("%v requests are counted as shadowed, want 4", got)
	}
	if got := c.gate.metric(t, `jwtgate_relaxations{kind="shadow"}`); got != 1 {
		t.Errorf("%v relaxations of this kind, want 1", got)
	}
}

// TestWholeGateInShadow: the same for every route, including the default; routes with
// access: deny still deny.
func TestWholeGateInShadow(t *testing.T) {
	c := startConfigured(t, `shadow: true
routes:
  - {name: admin, match: '/api/admin/**', issuers: [cruddur], groups: [admin]}
  - {name: closed, match: '/api/internal/**', access: deny}
`)
	passesInShadow(t, c, call{line: "GET /api/admin", headers: []string{c.user(t, nil)}}, "group_missing")
	passesInShadow(t, c, call{line: "GET /anything"}, "credential_missing")
	routed{call: call{line: "GET /anything", headers: []string{c.user(t, nil)}}, wantUser: "4f0c5b8e-ann", wantKind: "user"}.check(t, c)
	routed{call: call{line: "GET /api/internal/x", headers: []string{c.user(t, nil)}},
		wantDenied: &denial{wantStatus: 403, wantReason: "route_denied"}}.check(t, c)
}

// candidateRoutes are the routes of a candidate configuration: one is stricter, one is
// laxer, one is the same.
const (
	liveRoutes = `routes:
  - {name: orders, match: '/api/orders/**', issuers: [cruddur]}
  - {name: admin, match: '/api/admin/**', issuers: [cruddur], groups: [admin]}
  - {name: same, match: '/api/same/**', issuers: [cruddur]}
  - {name: health, match: GET /api/health, access: public}
`
	candidateRoutes = `routes:
  - {name: orders, match: '/api/orders/**', issuers: [cruddur], groups: [sales]}
  - {name: admin, match: '/api/admin/**', issuers: [cruddur]}
  - {name: same, match: '/api/same/**', issuers: [cruddur]}
  - {name: health, match: GET /api/health, access: public}
`
)

// differences returns the metric of the candidate's differences.
func differences(route, from, to, reason string) string {
	return fmt.Sprintf(`jwtgate_candidate_differences_total{from=%q,reason=%q,route=%q,to=%q}`, from, reason, route, to)
}

// TestCandidateConfiguration: a candidate changes no answer, and the gate counts and logs
// what it would change; the gate reloads it, and keeps the last valid one.
func TestCandidateConfiguration(t *testing.T) {
	candidate := testutil.File(t, "candidate.yaml", twoIssuers+candidateRoutes)
	c := startConfigured(t, liveRoutes, "--candidate-config", candidate)
	ann := c.user(t, nil)
	get := func(path string, headers ...string) call { return call{line: "GET " + path, headers: headers} }
	asLive := func() {
		t.Helper()
		routed{call: get("/api/orders/7", ann), wantUser: "4f0c5b8e-ann", wantKind: "user"}.check(t, c)
		routed{call: get("/api/admin/7", ann), wantDenied: forbidden("group_missing")}.check(t, c)
		routed{call: get("/api/health")}.check(t, c)
		// A known token, whose answer is cached.
		routed{call: get("/api/same/7", ann), wantUser: "4f0c5b8e-ann", wantKind: "user"}.check(t, c)
	}
	asLive()
	stricter, laxer := differences("orders", "allow", "deny", "group_missing"), differences("admin", "deny", "allow", "allowed")
	c.gate.waitMetric(t, stricter, 1)
	c.gate.waitMetric(t, laxer, 1)
	lines := c.gate.logged(t, "candidate difference")
	if len(lines) != 2 {
		t.Fatalf("%d differences are logged, want 2: %v", len(lines), lines)
	}
	if line := lines[0]; line["route"] != "orders" || line["from"] != "allow" || line["to"] != "deny" ||
		line["reason"] != "group_missing" || line["path"] != "/api/orders/7" {
		t.Errorf("the line is %v", line)
	}
	if line := lines[1]; line["route"] != "admin" || line["from"] != "deny" || line["to"] != "allow" || line["reason"] != "allowed" {
		t.Errorf("the line is %v", line)
	}
	if fetches := c.issuers.cruddur.Fetches(); fetches != 1 {
		t.Errorf("the pool's keys were fetched %d times, want once for both", fetches)
	}

	// The gate reloads the candidate, whose differences change.
	const reloads = `jwtgate_candidate_config_reloads_total{result=%q}`
	replaceFile(t, candidate, twoIssuers+strings.Replace(candidateRoutes, "groups: [sales]", "scopes: [orders/write]", 1))
	c.gate.waitMetric(t, fmt.Sprintf(reloads, "ok"), 1)
	asLive()
	c.gate.waitMetric(t, differences("orders", "allow", "deny", "scope_missing"), 1)
	// The log names an invalid candidate, and the last valid one remains.
	replaceFile(t, candidate, twoIssuers+"routez: []\n")
	c.gate.waitMetric(t, fmt.Sprintf(reloads, "refused"), 1)
	if s, err := c.gate.state(t); err != nil || !s.Ready || !strings.Contains(s.Refused, "routez") || !strings.Contains(s.Refused, candidate) {
		t.Errorf("/readyz tells %+v, %v", s, err)
	}
	asLive()
	c.gate.waitMetric(t, differences("orders", "allow", "deny", "scope_missing"), 2)
	if got := c.gate.metric(t, stricter); got != 1 {
		t.Errorf("the first candidate still counts: %v", got)
	}
	// All earlier requests have been compared by now, since the comparisons are in order.
	_, metrics, err := c.gate.adminGet(t, "/metrics")
	if err != nil || strings.Contains(metrics, `jwtgate_candidate_differences_total{from="allow",reason="allowed"`) {
		t.Errorf("the two differ where both allow the same (%v)", err)
	}
}

// TestABadCandidateStartsNothing: the gate does not start with an invalid candidate.
func TestABadCandidateStartsNothing(t *testing.T) {
	i := startIssuers(t)
	live := testutil.File(t, "jwtgate.yaml", twoIssuers+liveRoutes)
	candidate := testutil.File(t, "candidate.yaml", twoIssuers+"routes: [{match: api}]\n")
	got := jwtgate(t, i.environment(), "serve", "--config", live, "--listen", freeAddress(t), "--admin-listen", freeAddress(t),
		"--candidate-config", candidate)
	if got.code != 1 || !strings.Contains(got.stderr, candidate+`:16:18: "api" does not begin with /`) {
		t.Errorf("exit code %d, want 1 and the mistake's place:\n%s", got.code, got.stderr)
	}
	missing := filepath.Join(filepath.Dir(candidate), "missing.yaml")
	got = jwtgate(t, i.environment(), "serve", "--config", live, "--listen", freeAddress(t), "--admin-listen", freeAddress(t),
		"--candidate-config", missing)
	if got.code != 2 || !strings.Contains(got.stderr, missing) || !strings.Contains(got.stderr, "no such file") {
		t.Errorf("exit code %d, want 2 and the file's name:\n%s", got.code, got.stderr)
	}
}
