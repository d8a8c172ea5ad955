package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// What one client alone spells so takes no place of what many tokens share.
func TestOddSpellingsShareNothing(t *testing.T) {
	w := start(t)
	raw := bearer(mint(t, w.home, claims(nil)))
	separators := "-_.~+!*'|^"
	for _, first := range separators {
		for _, second := range separators {
			spelled := "x" + string(first) + "user" + string(second) + "id"
			if d := w.decide(t, get("/strict", raw, spelled+": root")); d.Reason != "allowed" {
				t.Fatalf("%s: %s", spelled, d.Reason)
			}
		}
	}
	if lists := w.gate.SharedLists(); lists > 1 {
		t.Errorf("%d lists of names are shared, want one", lists)
	}
}

// keep decides a request of an allowed token, and keeps an answer for the next one
// unless one was kept already, which it returns.
func (w *world) keep(t *testing.T, r *request.Request) (d *gate.Decision, kept string) {
	t.Helper()
	d = w.decide(t, r)
	if d.Reason != "allowed" {
		t.Fatalf("%s %s: %s", r.Authority, r.Target, d.Reason)
	}
	if text, given := d.Prepared.Append(nil, d.ID); given {
		return d, string(text)
	}
	const before = "own."
	removed := strings.Join(d.Remove, ",")
	answer := before + removed + " " + d.Route + " " + readBy(d) + " " + d.ID.String()
	d.Prepared.Keep([]byte(answer), gate.Layout{
		RemoveBegin: len(before), RemoveEnd: len(before) + len(removed), ID: len(answer) - len(d.ID.String()),
	})
	return d, ""
}

// TestKeptAnswers: an answer that was kept is given again for the same token under
// the same rule and for the same origin, and not to a request with a name that it
// does not remove.
func TestKeptAnswers(t *testing.T) {
	w := startWith(t, issuersYAML+`
cors: {origins: ["https://app.example", "https://b.example"]}
routes: [{name: strict, match: /strict, issuers: [home], groups: [admin]}, {name: readers, match: /readers, issuers: [home]}]
`)
	raw := bearer(mint(t, w.home, claims(nil)))
	asked := func(origin, path string, more ...string) *request.Request {
		return get(path, append([]string{raw, "origin: " + origin}, more...)...)
	}
	for _, origin := range []string{"https://app.example", "https://b.example", "https://evil.example"} {
		for _, path := range []string{"/strict", "/readers"} {
			w.keep(t, asked(origin, path)) // verifies the token, or finds it without this answer
			first, _ := w.keep(t, asked(origin, path))
			d, kept := w.keep(t, asked(origin, path))
			want := "own." + strings.Join(first.Remove, ",") + " " + path[1:] + " " + readBy(first) + " " + d.ID.String()
			if kept != want || readBy(d) != readBy(first) {
				t.Errorf("%s of %s: kept is\n\t%q for %s, want\n\t%q for %s", path, origin, kept, readBy(d), want, readBy(first))
			}
			if listed := origin != "https://evil.example"; (readBy(d) == origin) != listed || readBy(d) == "" == listed {
				t.Errorf("%s of %s: the response may be read by %q", path, origin, readBy(d))
			}
			odd, kept := w.keep(t, asked(origin, path, "x~user~id: root"))
			if kept != "" || !slices.Contains(odd.Remove, "x~user~id") {
				t.Errorf("%s of %s: with another spelling %q was kept, and %v is removed", path, origin, kept, odd.Remove)
			}
		}
	}
}

// readBy is the origin whose pages may read the response to an allowed request.
func readBy(d *gate.Decision) string {
	for _, h := range d.AddToResponse {
		if h.Name == "access-control-allow-origin" {
			return h.Value
		}
	}
	return ""
}

// TestKeptAnswersByRelaxation: what is relaxed tells kept answers apart.
func TestKeptAnswersByRelaxation(t *testing.T) {
	w := startWith(t, issuersYAML+"relax: {hosts: {old.example: [unverified_email]}}\n")
	raw := bearer(mint(t, w.home, claims(map[string]any{"email": "a@b.example", "email_verified": false})))
	asked := func(host string) *request.Request {
		r := get("/x", raw)
		r.Authority = host
		return r
	}
	for range 3 {
		for _, host := range []string{"api.example", "old.example"} {
			d, kept := w.keep(t, asked(host))
			if told := !slices.Contains(d.Remove, "x-user-email"); told != (host == "old.example") {
				t.Errorf("%s: %q is kept, and %v removed", host, kept, d.Remove)
			}
		}
	}
}

// TestAnswersThatAreNotKept: those that hold something of the request or its time.
func TestAnswersThatAreNotKept(t *testing.T) {
	w := startWith(t, issuersYAML+`
routes:
  - {match: /stream, end_streams_at_expiry: true}
  - {match: /cookie, tokens_from: [bearer, {cookie: session}]}
`)
	raw := bearer(mint(t, w.home, claims(nil)))
	for _, path := range []string{"/stream", "/cookie"} {
		for range 4 {
			if _, kept := w.keep(t, get(path, raw)); kept != "" {
				t.Errorf("%s: %q was kept", path, kept)
			}
		}
	}
}
