package gate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// Issuers that are in both configs keep their keys without a fetch, even if they are down.
// An issuer that is not in the new config is no longer trusted.
func TestReloadTakesIssuersOver(t *testing.T) {
	w := start(t)
	fetches := w.home.Fetches()
	next := *w.cfg
	next.Hash = "next"
	next.Issuers = slices.DeleteFunc(slices.Clone(next.Issuers), func(i config.Issuer) bool { return i.Name == "pool" })
	next.Routes = slices.DeleteFunc(slices.Clone(next.Routes), func(r config.Route) bool { return r.Name == "elsewhere" })
	if err := reload(t.Context(), w.gate, &next); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		raw  string
		want gate.Reason
	}{
		"unchanged":           {mint(t, w.home, claims(nil)), "allowed"},
		"unchanged, and down": {mint(t, w.dim, map[string]any{"aud": "orders-api", "sub": "a"}), "allowed"},
		"never there":         {mint(t, w.dark, map[string]any{"aud": "orders-api", "sub": "a"}), "keys_unavailable"},
		"gone":                {mint(t, w.pool, map[string]any{"token_use": "access", "client_id": "web", "sub": "a"}), "issuer_unknown"},
	} {
		if d := w.decide(t, get("/optional/x", bearer(row.raw))); d.Reason != row.want || d.ConfigHash != "next" {
			t.Errorf("%s: %s (%s) by config %s, want %s", name, d.Reason, d.InternalDetail, d.ConfigHash, row.want)
		}
	}
	if got := w.home.Fetches(); got != fetches {
		t.Errorf("%d fetches, %d before", got, fetches)
	}
	// The shared keys are still refreshed: a rotation takes effect.
	if _, err := w.home.Rotate(); err != nil {
		t.Fatal(err)
	}
	if d := w.decide(t, get("/strict", bearer(mint(t, w.home, claims(nil))))); d.Reason != gate.ReasonAllowed {
		t.Errorf("after a rotation: %s (%s)", d.Reason, d.InternalDetail)
	}
}

// When a config becomes live, its new issuers have their keys, so that their tokens are not
// denied as unavailable.
func TestReloadWaitsForNewIssuers(t *testing.T) {
	g := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet()})
	for i := range 5 {
		home := addIssuer(t, testbed.Issuers(t), fmt.Sprintf("home-%d", i), "")
		next := parse(t, `issuers: {home: {issuer: "${ISS}", audiences: [a], algorithms: [ES256], dangerously_allow_http: true}}`,
			map[string]string{"ISS": home.ISS()})
		raw := mint(t, home, map[string]any{"aud": "a", "sub": "s"})
		if err := reload(t.Context(), g, next); err != nil {
			t.Fatal(err)
		}
		if d := g.Decide(t.Context(), get("/x", bearer(raw))); d.Reason != gate.ReasonAllowed {
			t.Errorf("%s (%s), want allowed", d.Reason, d.InternalDetail)
		}
	}
}

// An issuer that does not answer delays a new config only for a limited time, which ends when
// the caller's context ends.
func TestReloadDoesNotWaitForever(t *testing.T) {
	asked, release := make(chan struct{}, 16), make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(hung.Close)
	t.Cleanup(func() { close(release) }) // before the server's Close, which waits for running requests
	g := open(t, parse(t, publicYAML, nil), gate.Options{Logger: quiet()})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	next := parse(t, `
issuers: {home: {issuer: "${ISS}", audiences: [a], dangerously_allow_http: true}}
routes: [{name: new, match: /**, access: public}]
`, map[string]string{"ISS": hung.URL})
	if err := reload(ctx, g, next); err != nil {
		t.Fatal(err)
	}
	if d := g.Decide(t.Context(), get("/x")); d.Route != "new" {
		t.Errorf("route %s, want the one of the new config", d.Route)
	}
	again := *next
	again.Hash = "again"
	again.Issuers = slices.Clone(next.Issuers)
	again.Issuers[0].JWKS.RequestTimeout *= 2 // a different setting, so the keys are fetched again
	if err := reload(t.Context(), g, &again); err != nil {
		t.Fatal(err)
	}
	if d := g.Decide(t.Context(), get("/x")); d.ConfigHash != "again" {
		t.Errorf("config %s is live", d.ConfigHash)
	}
}
