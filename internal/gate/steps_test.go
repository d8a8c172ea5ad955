package gate_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// checkAgrees compares two decisions of one request at the same time.
func checkAgrees(t *testing.T, decided, explained *gate.Decision) {
	t.Helper()
	plain := func(d *gate.Decision) gate.Decision {
		p := *d
		// These fields differ between decisions.
		p.ID, p.Elapsed, p.Record, p.Cached = gate.ID{}, 0, false, false
		p.Remove = slices.Sorted(slices.Values(p.Remove))
		byName := func(a, b request.Header) int { return strings.Compare(a.Name, b.Name) }
		p.Set = request.Pack(slices.SortedFunc(p.Set.All(), byName))
		p.KeepRendered = nil
		if d.Denial != nil {
			denial := *d.Denial
			denial.RetryAfter = 0
			p.Denial = &denial
		}
		if !d.Time.Equal(time.Unix(0, d.Time.UnixNano())) {
			t.Errorf("time %v", d.Time)
		}
		p.Time = time.Unix(0, d.Time.UnixNano())
		return p
	}
	consistent(t, explained)
	if a, b := plain(decided), plain(explained); !reflect.DeepEqual(a, b) {
		t.Errorf("decided\n\t%+v %+v\nexplained\n\t%+v %+v", a, a.Denial, b, b.Denial)
	}
}

// checkSteps checks that the steps fit the decision.
func checkSteps(t *testing.T, e *gate.Explanation) {
	t.Helper()
	d := e.Decision
	if len(e.Steps) != 10 {
		t.Fatalf("%d steps", len(e.Steps))
	}
	failed := decidingCheck(d)
	for i, step := range e.Steps {
		want := gate.Passed
		switch {
		case failed != gate.StageNone && step.Number == failed:
			want = gate.Failed
		case step.Number == gate.StageIdentity && d.Verdict == gate.VerdictAllow:
		case d.Verdict == gate.VerdictDeny && step.Number > failed, // all, if no check decided
			d.WouldDeny != "" && d.Reason != "allowed" && step.Number > failed,
			(d.Reason == "public" || d.Reason == "preflight" || d.Reason == "preflight_answered") && step.Number > gate.StageRoute,
			d.Reason == "anonymous" && step.Number > gate.StageCredential:
			want = gate.Skipped
		}
		if step.Outcome != want || step.Number != gate.Stage(i+1) || step.Check != step.Number.String() {
			t.Errorf("%s: step %d is %d %s %s, want it %s", d.Reason, i+1, step.Number, step.Check, step.Outcome, want)
		}
		if step.Outcome == gate.Failed && step.Text != d.InternalDetail || step.Outcome == gate.Skipped && step.Text != "" {
			t.Errorf("%s: step %s %s has text %q, the internal detail is %q", d.Reason, step.Check, step.Outcome, step.Text, d.InternalDetail)
		}
	}
}

// decidingCheck returns the check that denied the request, or would have.
func decidingCheck(d *gate.Decision) gate.Stage {
	reason := d.WouldDeny
	if d.Verdict == gate.VerdictDeny {
		reason = d.Reason
	}
	if reason == "claims_malformed" && d.Issuer == "" {
		return gate.StageIssuer // claims that are not JSON have no iss
	}
	m, _ := gate.LookupReason(reason)
	return m.Stage
}

// checkNoToken fails the test if an explanation contains 9 consecutive bytes of a token.
func (m *maker) checkNoToken(t *testing.T, e *gate.Explanation) {
	t.Helper()
	text := steps(e) + e.Decision.InternalDetail + "\n" + e.Decision.Hint
	for i := range len(text) - 8 {
		if m.grams[text[i:i+9]] {
			t.Errorf("the explanation contains %q, which is a part of a token", text[i:i+9])
			return
		}
	}
}

// steps returns one line of text for each step.
func steps(e *gate.Explanation) string {
	var b strings.Builder
	for _, s := range e.Steps {
		fmt.Fprintf(&b, "%2d %s %s: %s\n", s.Number, s.Check, s.Outcome, s.Text)
	}
	return b.String()
}

// Each step has a text, here of the most common requests.
func TestStepsSayWhatWasFound(t *testing.T) {
	w := startWith(t, issuersYAML+`
identity: {headers: {x-user-email: null}}
routes:
  - {name: open, match: /open, access: public}
  - {name: feed, match: /feed, access: optional, if_invalid: anonymous}
  - name: team
    match: "/team/{id}"
    issuers: [home]
    groups: [admin, lead]
    any_of: [{clients: [web]}, {scopes: {all: [a, b]}}]
    max_auth_age: 1h
    acr: [gold]
    when: path.id != ''
  - {name: page, match: /page, tokens_from: [{cookie: session}, {query: t}, {header: x-t}, {websocket_protocol: bearer}]}
`)
	good := mint(t, w.home, claims(map[string]any{"auth_time": time.Now().Unix(), "acr": "gold"}))
	guest := mint(t, w.home, claims(map[string]any{"groups": []string{"guests"}}))
	notJSON := good[:strings.IndexByte(good, '.')] + ".e30x." + good[strings.LastIndexByte(good, '.')+1:]
	kid := w.home.KeyID()
	for _, row := range []struct {
		name string
		r    *request.Request
		want map[gate.Stage]string // the beginning of the text
	}{
		{"public", get("/open", "x-user-id: root", "X_User_Id: root"), map[gate.Stage]string{
			1: "GET /open on host api.example", 2: "open (gate.yaml:", 10: "no identity is set; removes x-user-id, x_user_id"}},
		{"default", get("/x", bearer(good)), map[gate.Stage]string{2: "no route matches; default is required", 9: "any valid token"}},
		{"default by its name", named("default", get("/x", bearer(good))), map[gate.Stage]string{2: "default, access required, named by Envoy"}},
		{"by name", named("open", get("/open")), map[gate.Stage]string{2: "open (gate.yaml:"}},
		{"no host", &request.Request{Method: "GET", Target: "/a//b"}, map[gate.Stage]string{1: "path refused"}},
		{"a preflight", requestOf("OPTIONS", "/feed", "origin: https://app.example", "access-control-request-method: GET"), map[gate.Stage]string{
			1: "OPTIONS /feed on host api.example", 2: "feed (gate.yaml:", 10: "no identity is set"}},
		{"no token", get("/page"), map[gate.Stage]string{
			3: `no credential in the cookie "session", the query "t", the header "x-t", Sec-WebSocket-Protocol, after bearer`}},
		{"without a token", get("/feed"), map[gate.Stage]string{3: "none, and the route does not need one", 10: "no identity is set"}},
		{"all requirements", get("/team/x", bearer(good)), map[gate.Stage]string{
			3: "a token in Authorization: Bearer", 4: fmt.Sprintf("alg ES256, kid %q", kid), 5: "home (http://127.0.0.1:",
			6: fmt.Sprintf("kid %q is a key of home", kid),
			7: "valid", 8: `subject "alice" of kind user, client "web", accepted for another 1h0m`,
			9:  "issuer home; group admin or lead; any of: client web | scope a and b; a login within the last 1h0m0s; acr gold; when path.id != ''",
			10: "sets x-user-client, "}},
		{"allowed although a group is missing", get("/feed", bearer(guest), "x-user-id: root"), map[gate.Stage]string{8: `subject "alice"`}},
		{"not in the group", get("/team/x", bearer(guest)), map[gate.Stage]string{9: `group missing: has groups "guests"`}},
		{"expired", get("/team/x", bearer(sign(t, w.home, nil, claims(map[string]any{"exp": 1000})))), map[gate.Stage]string{
			4: fmt.Sprintf("kid %q", kid), 5: "home", 6: "kid ", 7: "valid", 8: "token expired"}},
		{"claims that are not JSON", get("/team/x", bearer(notJSON)), map[gate.Stage]string{
			4: fmt.Sprintf("kid %q", kid), 5: "claims malformed: "}},
		{"in a cookie", get("/page", "cookie: a=b; session="+good), map[gate.Stage]string{
			3: `a token in the cookie "session"`, 10: "sets x-user-client, "}},
		{"in the query", get("/page?t=" + good), map[gate.Stage]string{3: `a token in the query "t"`}},
		{"in a header", get("/page", "x-t: "+good), map[gate.Stage]string{3: `a token in the header "x-t"`}},
		{"in a WebSocket's opening", get("/page", "upgrade: websocket", "connection: upgrade",
			"sec-websocket-protocol: chat, bearer, "+good, "origin: https://api.example"),
			map[gate.Stage]string{3: "a token in Sec-WebSocket-Protocol, after bearer"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := w.gate.Explain(t.Context(), row.r, time.Now())
			checkSteps(t, e)
			for stage, want := range row.want {
				if got := e.Steps[stage-1].Text; !strings.HasPrefix(got, want) {
					t.Errorf("%s: text %q, want %q", stage, got, want)
				}
			}
		})
	}
}

// The explanation of check 10 distinguishes the removed credential from identity headers.
func TestStepsTellIdentityFromCredential(t *testing.T) {
	w := startWith(t, issuersYAML+`
routes: [{name: page, match: /page, access: optional, if_invalid: anonymous, tokens_from: [{cookie: session}, {query: t}]}]
`)
	for _, row := range []struct {
		name, want string
		r          *request.Request
	}{
		{"a cookie", "no identity is set; removes the token or stripped cookies from cookie", get("/page", "cookie: a=b; session=null")},
		{"a cookie alone", "no identity is set; removes cookie", get("/page", "cookie: session=null")},
		{"a parameter", "no identity is set; removes the parameter t", get("/page?t=null")},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := w.gate.Explain(t.Context(), row.r, time.Now())
			if got := e.Steps[gate.StageIdentity-1].Text; e.Decision.Reason != gate.ReasonAnonymousInvalid || got != row.want {
				t.Errorf("%s: %q, want %q", e.Decision.Reason, got, row.want)
			}
		})
	}
}

// A request can be explained at another time, with the current keys.
func TestExplainAtAnotherTime(t *testing.T) {
	w := start(t)
	raw := bearer(mint(t, w.home, claims(nil))) // valid for an hour
	for ahead, want := range map[time.Duration]gate.Reason{
		0: "allowed", 2 * time.Hour: "expired", -time.Hour: "issued_in_future",
	} {
		at := time.Now().Add(ahead)
		e := w.gate.Explain(t.Context(), get("/strict", raw), at)
		if e.Decision.Reason != want || !e.Decision.Time.Equal(at) {
			t.Errorf("%v from now: %s (%s) at %v, want %s", ahead, e.Decision.Reason, e.Decision.InternalDetail, e.Decision.Time, want)
		}
	}
}

// AddToken puts a token where the gate reads it.
func TestAddTokenOfARoute(t *testing.T) {
	w := startWith(t, issuersYAML+`
tokens: {from: [{header: x-general}, bearer]}
routes:
  - {name: open,   match: /open, access: public}
  - {name: closed, match: /closed, access: deny}
  - {name: cookie, match: /cookie, tokens_from: [{cookie: session}, bearer]}
  - {name: query,  match: /query, tokens_from: [{query: access_token}]}
  - {name: socket, match: /socket, tokens_from: [{websocket_protocol: bearer}]}
  - {name: bearer, match: /bearer, tokens_from: [bearer]}
  - {name: named,  tokens_from: [{header: x-named}]}
`)
	raw := mint(t, w.home, claims(nil))
	for _, row := range []struct {
		r     *request.Request
		want  gate.Reason
		field string // that has the token, if it is in a field
	}{
		{get("/cookie"), "allowed", "cookie"},
		{get("/query"), "allowed", ""},
		{get("/query?a=b"), "allowed", ""},
		{get("/socket", "origin: https://api.example"), "allowed", "sec-websocket-protocol"},
		{get("/bearer"), "allowed", "authorization"},
		{get("/nowhere"), "allowed", "x-general"},
		{named("named", get("/any")), "allowed", "x-named"},
		{get("/open"), "public", "x-general"},
		{get("/closed"), "route_denied", "x-general"},
		{get("/a//b"), "path_refused", "x-general"},
		{named("nowhere", get("/bearer")), "route_unknown", "x-general"},
	} {
		t.Run(row.r.Target, func(t *testing.T) {
			w.gate.AddToken(row.r, raw)
			if d := w.decide(t, row.r); d.Reason != row.want {
				t.Errorf("%s (%s), want %s", d.Reason, d.InternalDetail, row.want)
			}
			if row.field != "" && !strings.Contains(row.r.Header(row.field), raw) {
				t.Errorf("%s does not have the token: %q", row.field, row.r.Header(row.field))
			}
		})
	}
}
