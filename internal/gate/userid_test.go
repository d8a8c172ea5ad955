package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// TestUserID: a required route denies a token that gives no x-user-id, or one that would be
// another issuer's user.
func TestUserID(t *testing.T) {
	type m = map[string]any
	w := startWith(t, issuersYAML+`
identity: {headers: {x-user-id: "custom:employee_id", x-user-name: [nickname, $client]}}
routes:
  - {name: optional, match: /optional, access: optional}
  - {name: shadow,   match: /shadow,   shadow: true}
  - {name: groups,   match: /groups,   issuers: [home], groups: [admin]}
`)
	byEmail := startWith(t, issuersYAML+"identity: {headers: {x-user-id: email}}\n")
	d := byEmail.decide(t, get("/x", bearer(mint(t, byEmail.home, claims(m{"email": "a@example.com"})))))
	if d.Reason != "subject_missing" || !strings.Contains(d.InternalDetail, "does not say email_verified: true") ||
		!strings.Contains(d.Hint, "email_verified: assumed") {
		t.Errorf("an address that is not verified: %s, %q, %q", d.Reason, d.InternalDetail, d.Hint)
	}
	for _, row := range []struct {
		name, path string
		claims     m
		reason     gate.Reason
		id         string // what the application receives; empty: none
	}{
		{"there", "/x", m{"custom:employee_id": "42"}, "allowed", "42"},
		{"absent", "/x", nil, "subject_missing", ""},
		{"empty", "/x", m{"custom:employee_id": ""}, "subject_missing", ""},
		{"an object", "/x", m{"custom:employee_id": m{"id": "42"}}, "subject_missing", ""},
		{"absent, on a route that is optional", "/optional", nil, "allowed", ""},
		{"absent, on a route in shadow", "/shadow", nil, "shadowed", ""},
		{"absent, and a group too", "/groups", m{"groups": []string{"guests"}}, "subject_missing", ""},
		{"another issuer's prefix", "/x", m{"custom:employee_id": "pool:42"}, "claims_malformed", ""},
		{"another issuer's prefix in a list", "/x", m{"custom:employee_id": []string{"42", "pool:42"}}, "claims_malformed", ""},
		{"another issuer's prefix in the name", "/x", m{"custom:employee_id": "42", "nickname": "pool:al"}, "claims_malformed", ""},
		{"another issuer's prefix in a claim that names nobody", "/x", m{"custom:employee_id": "42", "locale": "pool:al"}, "allowed", "42"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := get(row.path, bearer(mint(t, w.home, claims(row.claims))))
			d := w.decide(t, r)
			if d.Reason != row.reason {
				t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, row.reason)
			}
			var want []string
			if row.id != "" {
				want = []string{row.id}
			}
			if d.Denial == nil && !slices.Equal(forwarded(d, r)["x-user-id"], want) {
				t.Errorf("x-user-id %q, want %q", forwarded(d, r)["x-user-id"], want)
			}
			const detail = "subject missing: it has no custom:employee_id, of which x-user-id is made"
			if row.reason == "subject_missing" && (d.Issuer != "home" || d.Subject != "alice" || d.InternalDetail != detail) {
				t.Errorf("issuer %q, subject %q, internal detail %q", d.Issuer, d.Subject, d.InternalDetail)
			}
		})
	}
}

// TestClientAsName: a client that is forwarded as a user name must not begin with another
// issuer's prefix.
func TestClientAsName(t *testing.T) {
	w := startWith(t, `
issuers:
  home: {issuer: "${HOME_ISS}", prefix: "", audiences: [orders-api], algorithms: [ES256, ES384], dangerously_allow_http: true}
  dark: {issuer: "${DARK_ISS}", prefix: "dark:", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}
identity: {headers: {x-user-id: [$client, sub]}}
`)
	for client, want := range map[string]gate.Reason{"web": "allowed", "dark:web": "claims_malformed"} {
		if d := w.decide(t, get("/x", bearer(mint(t, w.home, claims(map[string]any{"client_id": client}))))); d.Reason != want {
			t.Errorf("%s: %s (%s), want %s", client, d.Reason, d.InternalDetail, want)
		}
	}
}
