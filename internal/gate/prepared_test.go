package gate_test

import "testing"

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
