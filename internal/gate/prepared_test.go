package gate_test

import (
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

// TestKeptAnswers: an answer that was kept is given again for the same token under
// the same rule, and not to a request with a name that it does not remove.
func TestKeptAnswers(t *testing.T) {
	w := start(t)
	raw := bearer(mint(t, w.home, claims(nil)))
	const before, behind = "own.", ".own "
	keep := func(path string, more ...string) (d *gate.Decision, kept string) {
		t.Helper()
		d = w.decide(t, get(path, append([]string{raw}, more...)...))
		if d.Reason != "allowed" {
			t.Fatalf("%s: %s", path, d.Reason)
		}
		text, given := d.Prepared.Append(nil, d.ID)
		if given {
			return d, string(text)
		}
		removed := strings.Join(d.Remove, ",")
		answer := before + removed + behind + d.Route + " " + d.ID.String()
		d.Prepared.Keep([]byte(answer), gate.Layout{
			RemoveBegin: len(before), RemoveEnd: len(before) + len(removed), ID: len(answer) - len(d.ID.String()),
		})
		return d, ""
	}
	for _, path := range []string{"/strict", "/readers"} {
		keep(path) // verifies the token, or finds it with no answer yet
		first, _ := keep(path)
		d, kept := keep(path)
		if want := before + strings.Join(first.Remove, ",") + behind + first.Route + " " + d.ID.String(); kept != want {
			t.Errorf("%s: kept is\n\t%q, want\n\t%q", path, kept, want)
		}
		odd, kept := keep(path, "x~user~id: root")
		if kept != "" || !strings.Contains(strings.Join(odd.Remove, ","), "x~user~id") {
			t.Errorf("%s: with another spelling %q was kept, and %v is removed", path, kept, odd.Remove)
		}
	}
}
