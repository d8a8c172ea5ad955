package gate_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// sizedYAML limits the identity of every request to 1,024 bytes.
const sizedYAML = issuersYAML + `
identity: {max_total_bytes: 1024, headers: {x-note: note}}
routes:
  - {name: maybe,   match: /maybe,   access: optional}
  - {name: lenient, match: /lenient, access: optional, if_invalid: anonymous}
  - {name: shadow,  match: /shadow,  issuers: [home], shadow: true}
  - {name: stream,  match: /stream,  end_streams_at_expiry: true}
  - {name: cookie,  match: /cookie,  tokens_from: [{cookie: session}]}
  - {name: open,    match: /open,    access: public}
`

// noted returns a token of home whose identity headers have this many bytes in total.
func (w *fixture) noted(t *testing.T, bytes int) string {
	t.Helper()
	rest := len("x-note")
	for name, value := range map[string]string{
		"x-user-id": "alice", "x-user-groups": "admin,staff", "x-user-scopes": "orders/read,orders/write",
		"x-user-client": "web", "x-user-kind": "user", "x-user-issuer": "home",
	} {
		rest += len(name) + len(value)
	}
	return mint(t, w.home, claims(map[string]any{"note": strings.Repeat("n", bytes-rest)}))
}

// TestIdentityTotal: the limit applies on every kind of route that forwards an identity, and
// also to cached tokens. It is enforced with if_invalid and shadow too.
func TestIdentityTotal(t *testing.T) {
	w := startWith(t, sizedYAML)
	for bytes, want := range map[int]gate.Reason{1024: gate.ReasonAllowed, 1025: gate.ReasonIdentityTooLarge} {
		raw := w.noted(t, bytes)
		for _, path := range []string{"/required", "/maybe", "/lenient", "/shadow", "/stream", "/cookie"} {
			credential := bearer(raw)
			if path == "/cookie" {
				credential = "cookie: session=" + raw
			}
			for range 3 {
				d := w.decide(t, get(path, credential))
				if d.Reason != want || d.WouldDeny != "" {
					t.Errorf("%s, %d bytes: got %s, would deny %q (%s); expected %s", path, bytes, d.Reason, d.WouldDeny, d.InternalDetail, want)
				}
			}
		}
		if d := w.decide(t, get("/open", bearer(raw))); d.Reason != gate.ReasonPublic {
			t.Errorf("a public route, %d bytes: got %s; expected public", bytes, d.Reason)
		}
	}
}

// TestIdentityTotalOfARememberedToken: a cached token is denied like a new one, an identity
// at the limit is shared, and a lower limit applies to it as soon as it is configured.
func TestIdentityTotalOfARememberedToken(t *testing.T) {
	w := startWith(t, sizedYAML)
	large, fits := get("/required", bearer(w.noted(t, 1025))), get("/required", bearer(w.noted(t, 1024)))
	for _, cached := range []bool{false, true, true} {
		d := w.decide(t, large)
		if d.Reason != gate.ReasonIdentityTooLarge || d.Cached != cached {
			t.Errorf("got %s, cached %v; expected identity_too_large, cached %v", d.Reason, d.Cached, cached)
		}
	}
	_, first := w.allow(t, fits)
	if _, shared := w.allow(t, fits); shared == "" || shared != first {
		t.Error("the identity at the limit is not shared")
	}
	lower := *w.cfg
	lower.Identity.MaxTotalBytes = 1023
	if err := reload(t.Context(), w.gate, &lower); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if d := w.decide(t, fits); d.Reason != gate.ReasonIdentityTooLarge {
			t.Errorf("after the limit was lowered: got %s; expected identity_too_large", d.Reason)
		}
	}
}

// TestIdentityTotalSaysWhatToDo: the operator learns which headers are the largest and
// which limits to raise; the client learns neither names nor sizes.
func TestIdentityTotalSaysWhatToDo(t *testing.T) {
	w := startWith(t, sizedYAML)
	d := w.decide(t, get("/required", bearer(w.noted(t, 1025))))
	if d.Reason != gate.ReasonIdentityTooLarge || d.Denial.Status != 403 {
		t.Fatalf("got %s, %+v; expected identity_too_large with status 403", d.Reason, d.Denial)
	}
	for _, want := range []string{"got 1025 bytes in 7 headers", "at most 1024", "x-note (", "x-user-scopes (37)", "x-user-groups (24)"} {
		if !strings.Contains(d.InternalDetail, want) {
			t.Errorf("the detail is %q; expected it to contain %q", d.InternalDetail, want)
		}
	}
	for _, want := range []string{
		"put less into the token's claims", "identity.headers", "identity.max_total_bytes", "max_request_headers_kb",
	} {
		if !strings.Contains(d.Hint, want) {
			t.Errorf("the hint is %q; expected it to contain %q", d.Hint, want)
		}
	}
	if strings.Contains(d.InternalDetail, "nnn") || strings.Contains(d.Denial.Detail, "x-note") || strings.Contains(d.Denial.Detail, "1025") {
		t.Errorf("a value is in %q, or a name or size in %q", d.InternalDetail, d.Denial.Detail)
	}
	explained := w.gate.Explain(t.Context(), get("/required", bearer(w.noted(t, 1025))), w.clock.now())
	step := explained.Steps[len(explained.Steps)-1]
	if step.Number != gate.StageIdentity || step.Outcome != gate.Failed || step.Text != d.InternalDetail {
		t.Errorf("the explanation ends with %+v; expected check 10, failed, %q", step, d.InternalDetail)
	}
	if d.Issuer != "home" || d.Subject != "alice" || d.KeyID == "" {
		t.Errorf("got issuer %q, subject %q, key %q; expected those of the token", d.Issuer, d.Subject, d.KeyID)
	}
}

// TestIdentityTotalOfACandidate: a candidate configuration with a lower limit reports
// the requests that it would deny.
func TestIdentityTotalOfACandidate(t *testing.T) {
	w := startWith(t, sizedYAML)
	lower := *w.cfg
	lower.Identity = config.Identity{Headers: w.cfg.Identity.Headers, MaxValueBytes: w.cfg.Identity.MaxValueBytes, MaxTotalBytes: 1023}
	would := openSharing(t, w.gate, &lower, gate.Options{Replica: "candidate", Now: w.clock.now, Logger: quiet()})
	var found differences
	c := gate.NewCandidate(would, found.differ)
	begin(t, c)
	for _, bytes := range []int{1023, 1024} {
		r := get("/required", bearer(w.noted(t, bytes)))
		c.Offer(r, w.decide(t, r))
	}
	wait(t, "the candidate has decided", func() bool { return found.len() == 1 })
	all, _ := found.get()
	d := all[0]
	if d.Live.Reason != gate.ReasonAllowed || d.Candidate.Reason != gate.ReasonIdentityTooLarge ||
		!strings.Contains(d.Candidate.InternalDetail, "got 1024 bytes") {
		t.Errorf("got %s live and %s (%s) for the candidate", d.Live.Reason, d.Candidate.Reason, d.Candidate.InternalDetail)
	}
}
