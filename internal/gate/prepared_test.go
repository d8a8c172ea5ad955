package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
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
func (w *world) keep(t *testing.T, r *gate.Request) (d *gate.Decision, kept string) {
	t.Helper()
	d = w.decide(t, r)
	if d.Reason != "allowed" {
		t.Fatalf("%s %s: %s", r.Host, r.Target, d.Reason)
	}
	if text, given := d.Prepared.Append(nil, d.ID); given {
		return d, string(text)
	}
	const before = "own."
	removed := strings.Join(d.Remove, ",")
	answer := before + removed + " " + d.Route + " " + d.ID.String()
	d.Prepared.Keep([]byte(answer), gate.Layout{
		RemoveBegin: len(before), RemoveEnd: len(before) + len(removed), ID: len(answer) - len(d.ID.String()),
	})
	return d, ""
}

// TestKeptAnswers: an answer that was kept is given again for the same token under
// the same rule and relaxations, and not to a request with a name that it does not
// remove.
func TestKeptAnswers(t *testing.T) {
	w := startWith(t, issuersYAML+`
relax: {hosts: {old.example: [method_override]}}
routes: [{name: strict, match: /strict, issuers: [home], groups: [admin]}, {name: readers, match: /readers, issuers: [home]}]
`)
	raw := bearer(mint(t, w.home, claims(nil)))
	asked := func(host, path string, more ...string) *gate.Request {
		r := get(path, append([]string{raw}, more...)...)
		r.Host = host
		return r
	}
	for _, host := range []string{"api.example", "old.example"} {
		for _, path := range []string{"/strict", "/readers"} {
			w.keep(t, asked(host, path)) // verifies the token, or finds it without this answer
			first, _ := w.keep(t, asked(host, path))
			d, kept := w.keep(t, asked(host, path))
			if want := "own." + strings.Join(first.Remove, ",") + " " + path[1:] + " " + d.ID.String(); kept != want {
				t.Errorf("%s%s: kept is\n\t%q, want\n\t%q", host, path, kept, want)
			}
			if removed := strings.Contains(kept, "x-http-method-override"); removed != (host == "api.example") {
				t.Errorf("%s%s: kept is %q", host, path, kept)
			}
			odd, kept := w.keep(t, asked(host, path, "x~user~id: root"))
			if kept != "" || !slices.Contains(odd.Remove, "x~user~id") {
				t.Errorf("%s%s: with another spelling %q was kept, and %v is removed", host, path, kept, odd.Remove)
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
