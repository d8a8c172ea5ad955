package gate_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// allow decides a request, which must be allowed, and returns what was rendered of the
// identity that the decision shares: for the first decision with that identity, which it
// keeps, a text that no other identity has. It returns "" if the decision shares none.
func (w *fixture) allow(t *testing.T, r *request.Request) (d *gate.Decision, shared string) {
	t.Helper()
	d = w.decide(t, r)
	if d.Reason != "allowed" {
		t.Fatalf("%s %s: %s", r.Authority, r.Target, d.Reason)
	}
	if d.KeepRendered == nil {
		return d, d.Rendered
	}
	if d.Rendered != "" {
		t.Errorf("%s %s: %q was kept, and can be replaced", r.Authority, r.Target, d.Rendered)
	}
	rendered := "rendered of " + d.ID.String()
	d.KeepRendered(rendered)
	return d, rendered
}

// TestSharedIdentity: decisions about one token, rule and origin share one identity, and
// others do not. A request with an unusual spelling of an identity header shares none.
func TestSharedIdentity(t *testing.T) {
	w := startWith(t, issuersYAML+`
cors: {origins: ["https://app.example", "https://b.example"]}
routes: [{name: strict, match: /strict, issuers: [home], groups: [admin]}, {name: readers, match: /readers, issuers: [home]}]
`)
	seen := map[string]string{}
	for _, subject := range []string{"alice", "bob"} {
		raw := bearer(mint(t, w.home, claims(map[string]any{"sub": subject})))
		for _, path := range []string{"/strict", "/readers"} {
			for _, origin := range []string{"https://app.example", "https://b.example", "https://evil.example"} {
				ask := func(more ...string) *request.Request {
					return get(path, append([]string{raw, "origin: " + origin}, more...)...)
				}
				name := subject + " " + path + " " + origin
				first, shared := w.allow(t, ask())
				if shared == "" || seen[shared] != "" {
					t.Fatalf("%s shares the identity of %q", name, seen[shared])
				}
				seen[shared] = name
				for range 2 {
					again, same := w.allow(t, ask())
					if same != shared || again.Set != first.Set || !slices.Equal(again.Remove, first.Remove) ||
						readBy(again) != readBy(first) {
						t.Errorf("%s: got %+v, want %+v", name, again, first)
					}
				}
				if listed := origin != "https://evil.example"; (readBy(first) == origin) != listed || readBy(first) == "" == listed {
					t.Errorf("%s: the response can be read by pages of %q", name, readBy(first))
				}
				odd, none := w.allow(t, ask("x~user~id: root"))
				if none != "" || !slices.Contains(odd.Remove, "x~user~id") || odd.Set != first.Set {
					t.Errorf("%s: an unusual spelling shares %v, sets %v and removes %v", name, none, odd.Set, odd.Remove)
				}
			}
		}
	}
}

// A request with an unusual spelling shares no identity, even if its token is new.
func TestOddSpellingsShareNothing(t *testing.T) {
	w := start(t)
	for _, spelled := range []string{"x~user-id", "x.user_id", "x_user-id"} {
		raw := bearer(mint(t, w.home, claims(map[string]any{"sub": spelled})))
		for range 2 {
			if d, shared := w.allow(t, get("/strict", raw, spelled+": root")); shared != "" || !slices.Contains(d.Remove, spelled) {
				t.Errorf("%s: %+v", spelled, d)
			}
		}
		if d, shared := w.allow(t, get("/strict", raw)); shared == "" || slices.Contains(d.Remove, spelled) {
			t.Errorf("without %s: %+v", spelled, d)
		}
	}
}

// readBy returns the origin whose pages can read the response to an allowed request.
func readBy(d *gate.Decision) string {
	for _, h := range d.AddToResponse {
		if h.Name == "access-control-allow-origin" {
			return h.Value
		}
	}
	return ""
}

// TestSharedIdentityByRelaxation: hosts with different relaxations share no identity.
func TestSharedIdentityByRelaxation(t *testing.T) {
	w := startWith(t, issuersYAML+"relax: {hosts: {old.example: [unverified_email]}}\n")
	raw := bearer(mint(t, w.home, claims(map[string]any{"email": "a@b.example", "email_verified": false})))
	for range 3 {
		for _, host := range []string{"api.example", "old.example"} {
			r := get("/x", raw)
			r.Authority = host
			d, shared := w.allow(t, r)
			if set := !slices.Contains(d.Remove, "x-user-email"); shared == "" || set != (host == "old.example") {
				t.Errorf("%s: set %v, removed %v", host, d.Set.List(), d.Remove)
			}
		}
	}
}

// TestWhatIsNotShared: decisions that depend on the request or the time share no identity.
func TestWhatIsNotShared(t *testing.T) {
	w := startWith(t, issuersYAML+`
routes:
  - {match: /stream, end_streams_at_expiry: true}
  - {match: /cookie, tokens_from: [bearer, {cookie: session}]}
`)
	raw := bearer(mint(t, w.home, claims(nil)))
	for _, path := range []string{"/stream", "/cookie"} {
		for range 3 {
			if _, shared := w.allow(t, get(path, raw)); shared != "" {
				t.Errorf("%s: %v is shared", path, shared)
			}
		}
	}
}
