package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// furtherYAML has rules that a request matches only if it is interpreted differently.
const furtherYAML = issuersYAML + `
audit: {allowed: none, denied: none}
routes:
  - {name: health,  match: GET /health, access: public}
  - {name: admin,   match: /api/admin/**, issuers: [home], groups: [admin], audit: all}
  - {name: profile, match: "PUT /api/users/{id}/profile", issuers: [home], when: token.subject == path.id}
  - {name: cookie,  match: /Api/cookie, issuers: [home], tokens_from: [{cookie: session}]}
  - {name: page,    match: "GET /{page}", access: public}
  - {name: panel,   match: /panel/, issuers: [home], groups: [admin], forward: true}
  - {name: maybe,   match: /maybe/, access: optional, if_invalid: anonymous}
  - {name: closed,  match: /closed/, access: deny}
  - {name: trial,   match: /API/trial, issuers: [home], groups: [nobody], shadow: true}
  - {name: tried,   match: /api/trial, issuers: [home], groups: [admin]}
  - {name: read,    match: GET /orders/, issuers: [home], scopes: [orders/read]}
  - {name: lenient, match: /orders, access: optional, if_invalid: anonymous}
  - {name: remove,  match: "DELETE /posts/{id}", issuers: [home], groups: [nobody]}
  - {name: post,    match: "POST /posts/{id}", issuers: [home]}
  - {name: all,     match: /rest/**}
`

// A request must pass its own rule and every further one, in file order. Each denied
// request fails exactly one requirement.
func TestFurtherRules(t *testing.T) {
	w := startWith(t, furtherYAML)
	admin := bearer(mint(t, w.home, claims(nil)))
	staff := bearer(mint(t, w.home, claims(map[string]any{"groups": []string{"staff"}})))
	old := bearer(sign(t, w.home, nil, claims(map[string]any{"exp": 1})))
	for _, row := range []struct {
		name    string
		r       *request.Request
		want    gate.Reason
		onRoute string
		further string
	}{
		{"a public page that later rules cover", get("/health"), "public", "health", ""},
		{"a public page in capitals", get("/HEALTH"), "public", "page", "health"},

		{"an admin's page in its spelling", get("/api/admin/x", staff), "group_missing", "admin", ""},
		{"in capitals, without the group", get("/api/Admin/x", staff), "group_missing", "admin", "admin"},
		{"in capitals, with the group", get("/api/Admin/x", admin), "allowed", "default", "admin"},
		{"in capitals, without a token", get("/api/Admin/x"), "credential_missing", "admin", "admin"},
		{"with a capital that folds from beyond ASCII", get("/api/adm%C4%B1n/x", admin), "allowed", "default", ""},
		{"the condition has the path of its own rule", requestOf("PUT", "/api/Users/alice/profile", admin), "allowed", "default", "profile"},
		{"the condition does not hold", requestOf("PUT", "/api/Users/bob/profile", admin), "condition_false", "profile", "profile"},

		{"a public page whose other form is protected, without a token", get("/panel"), "credential_missing", "panel", "panel"},
		{"the same without the group", get("/panel", staff), "group_missing", "panel", "panel"},
		{"the same with the group", get("/panel", admin), "allowed", "page", "panel"},
		{"a public page whose other form is optional", get("/maybe"), "anonymous", "page", "maybe"},
		{"the same with an old token", get("/maybe", old), "anonymous_invalid", "page", "maybe"},
		{"a public page whose other form is closed", get("/closed", admin), "route_denied", "closed", "closed"},

		{"HEAD of what a later rule takes, without the scope", requestOf("HEAD", "/orders",
			bearer(mint(t, w.home, claims(map[string]any{"scope": "x"})))), "scope_missing", "read", "page read"},
		{"HEAD with the scope", requestOf("HEAD", "/orders", admin), "allowed", "lenient", "page read"},
		{"HEAD without a token", requestOf("HEAD", "/orders"), "credential_missing", "read", "page read"},
		{"HEAD with an old token: the further rule excuses nothing", requestOf("HEAD", "/orders", old), "expired", "read", "page read"},

		{"an overriding method without the group", requestOf("POST", "/posts/7?_method=DELETE", admin), "group_missing", "remove", "remove"},
		{"no overriding method", requestOf("POST", "/posts/7?method=DELETE", admin), "allowed", "post", ""},

		{"a rule in shadow refuses nothing", get("/api/trial", admin), "allowed", "tried", "trial"},
		{"and another refuses all the same", get("/api/trial", staff), "group_missing", "tried", "trial"},

		{"the credential is read where the own rule reads it", get("/api/cookie", "cookie: session=x"), "credential_missing", "cookie", "cookie"},
		{"and counts for the further rule", get("/api/cookie", admin), "allowed", "default", "cookie"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := w.decide(t, row.r)
			if d.Reason != row.want || d.Route != row.onRoute || strings.Join(d.Further, " ") != row.further {
				t.Errorf("%s on %s with %v (%s), want %s on %s with %s", d.Reason, d.Route, d.Further, d.InternalDetail,
					row.want, row.onRoute, row.further)
			}
			if recorded := row.onRoute == "admin"; d.Record != recorded {
				t.Errorf("recorded: %v, not as rule %s samples", d.Record, row.onRoute)
			}
		})
	}
}

// The request's own rule decides what the application receives. If that rule is public, the
// first further rule that is not public decides.
func TestWhatAFurtherRuleChanges(t *testing.T) {
	w := startWith(t, furtherYAML)
	admin := bearer(mint(t, w.home, claims(nil)))
	old := bearer(sign(t, w.home, nil, claims(map[string]any{"exp": 1})))
	for _, row := range []struct {
		name      string
		r         *request.Request
		user      string // x-user-id; empty: none
		forwarded bool   // the token
		wouldDeny gate.Reason
	}{
		{"identity by the own rule", get("/api/Admin/x", admin), "alice", false, ""},
		{"identity and forward by the further rule", get("/panel", admin), "alice", true, ""},
		{"nobody by the further rule", get("/maybe", old), "", false, "expired"},
		{"what a rule in shadow would have refused", get("/api/trial", admin), "alice", false, "group_missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := w.decide(t, row.r)
			got := forwarded(d, row.r)
			if user := strings.Join(got["x-user-id"], ","); d.Verdict != gate.VerdictAllow || user != row.user || d.WouldDeny != row.wouldDeny {
				t.Errorf("%s %s: x-user-id %q, would deny %q, want %q and %q", d.Verdict, d.Reason, user, d.WouldDeny, row.user, row.wouldDeny)
			}
			if _, there := got["authorization"]; there != row.forwarded {
				t.Errorf("the token is forwarded: %v", there)
			}
		})
	}
}

// If the request's own rule is in shadow and fails, the request is forwarded without
// identity, whatever a further rule says.
func TestShadowOfTheOwnRule(t *testing.T) {
	w := startWith(t, issuersYAML+`
routes:
  - {name: other, match: /A, issuers: [home], groups: [admin]}
  - {name: own, match: /a, issuers: [home], groups: [nobody], shadow: true}
`)
	r := get("/a", bearer(mint(t, w.home, claims(nil))))
	d := w.decide(t, r)
	if d.Reason != "shadowed" || d.WouldDeny != "group_missing" || d.Route != "own" || len(identityOf(forwarded(d, r))) > 0 {
		t.Errorf("%s, would deny %s, on %s: %v", d.Reason, d.WouldDeny, d.Route, d.Set)
	}
}

// A relaxation that says how the application interprets a path removes the other interpretations.
func TestReadingsTurnedOff(t *testing.T) {
	w := startWith(t, issuersYAML+`
routes: [{name: admin, match: /admin, access: deny}]
relax: {hosts: {exact.example: [case_sensitive, slash_sensitive], case.example: [case_sensitive], slash.example: [slash_sensitive],
        post.example: [method_override]}}
`)
	admin := bearer(mint(t, w.home, claims(nil)))
	for host, want := range map[string]string{
		"api.example": "/ADMIN /admin/", "exact.example": "", "case.example": "/admin/", "slash.example": "/ADMIN",
		"post.example": "/ADMIN /admin/",
	} {
		var refused []string
		for _, target := range []string{"/ADMIN", "/admin/"} {
			r := get(target, admin)
			r.Authority = host
			if d := w.decide(t, r); d.Reason == "route_denied" {
				refused = append(refused, target)
			}
		}
		if got := strings.Join(refused, " "); got != want {
			t.Errorf("%s: %s are denied, want %s", host, got, want)
		}
	}
	for host, want := range map[string]gate.Reason{"api.example": "route_denied", "post.example": "allowed"} {
		w := startWith(t, issuersYAML+`
routes: [{name: remove, match: DELETE /x, access: deny}]
relax: {hosts: {post.example: [method_override]}}
`)
		r := requestOf("POST", "/x?_method=DELETE", bearer(mint(t, w.home, claims(nil))))
		r.Authority = host
		if d := w.decide(t, r); d.Reason != want {
			t.Errorf("%s: %s, want %s", host, d.Reason, want)
		}
	}
}

// A request with further rules shares no identity, so it never gets one that was made under
// its own rule alone.
func TestFurtherRulesShareNothing(t *testing.T) {
	w := startWith(t, issuersYAML+"routes: [{name: admin, match: /Admin, issuers: [home], groups: [admin]}, {name: all, match: /**}]\n")
	admin := bearer(mint(t, w.home, claims(nil)))
	staff := bearer(mint(t, w.home, claims(map[string]any{"groups": []string{"staff"}})))
	for range 3 {
		for _, raw := range []string{admin, staff} {
			w.allow(t, get("/x", raw)) // shared under the rule all
		}
		if d := w.decide(t, get("/admin", staff)); d.Reason != "group_missing" {
			t.Errorf("%s", d.Reason)
		}
		if d, shared := w.allow(t, get("/admin", admin)); shared != "" || !slices.Equal(d.Further, []string{"admin"}) {
			t.Errorf("%v is shared, further %v", shared, d.Further)
		}
	}
}

// A Connection header that names an identity header is denied on every route, also on
// upgrades.
func TestConnectionHeader(t *testing.T) {
	w := start(t)
	for _, row := range []struct {
		name string
		r    *request.Request
		want gate.Reason
	}{
		{"an upgrade", get("/open/x", "connection: Upgrade", "upgrade: websocket"), "public"},
		{"an upgrade that names one", get("/open/x", "connection: Upgrade, x-user-groups", "upgrade: websocket"), "connection_header_refused"},
		{"in a field of its own", get("/open/x", "connection: upgrade", "Connection: X_User.Kind"), "connection_header_refused"},
		{"on a closed route", get("/closed/x", "connection: x-user-roles"), "connection_header_refused"},
		{"another header", get("/open/x", "connection: close, x-request-id"), "public"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d := w.decide(t, row.r); d.Reason != row.want {
				t.Errorf("%s, want %s", d.Reason, row.want)
			}
		})
	}
}
