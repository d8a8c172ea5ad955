package gate_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// TestReload puts another config in place and keeps the keys of an issuer that
// stays, although its server is gone by now.
func TestReload(t *testing.T) {
	server := serve(t)
	home := add(t, server, "home", "")
	variables := map[string]string{"ISS": home.ISS()}
	const issuers = `
issuers: {home: {issuer: "${ISS}", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}}
`
	first := parse(t, issuers+"routes: [{name: one, match: /x}]\n", variables)
	second := parse(t, issuers+"routes: [{name: two, match: /x, groups: [nobody]}]\n", variables)
	g := open(t, first, gate.Options{Logger: quiet()})
	r := get("/x", bearer(mint(t, home, claims(nil))))
	if d := g.Decide(t.Context(), r); d.Reason != gate.ReasonAllowed || d.Route != "one" {
		t.Fatalf("before: %+v", d)
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := reload(t.Context(), g, second); err != nil {
		t.Fatal(err)
	}
	if d := g.Decide(t.Context(), r); d.Reason != gate.ReasonGroupMissing || d.Route != "two" || d.ConfigHash != second.Hash {
		t.Errorf("after: %+v", d)
	}
}

// TestReloadRefused: a config with mistakes changes nothing.
func TestReloadRefused(t *testing.T) {
	g := open(t, parse(t, "routes: [{name: one, match: /x, access: public}]\ndefault: deny\n", nil), gate.Options{Logger: quiet()})
	bad := parse(t, "routes: [{name: two, match: x, access: public}]\ndefault: deny\n", nil)
	var mistakes config.Mistakes
	if err := reload(t.Context(), g, bad); !errors.As(err, &mistakes) || !strings.Contains(err.Error(), `"x" does not begin with /`) {
		t.Fatalf("error %v", err)
	}
	if d := g.Decide(t.Context(), get("/x")); d.Route != "one" {
		t.Errorf("after the refusal: %+v", d)
	}
}

// TestReloadSwapsWhole: each request is decided by one config as a whole, never
// by parts of two, while configs come and go.
func TestReloadSwapsWhole(t *testing.T) {
	configs := []*config.Config{
		parse(t, "routes: [{name: one, match: /x, access: public}]\ndefault: deny\n", nil),
		parse(t, "routes: [{name: two, match: /x/**, access: public}]\ndefault: deny\n", nil),
	}
	hashes := map[string]string{"one": configs[0].Hash, "two": configs[1].Hash}
	g := open(t, configs[0], gate.Options{Logger: quiet()})
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for range 2 {
		asking.Go(func() {
			for {
				d := g.Decide(t.Context(), get("/x"))
				if d.Reason != gate.ReasonPublic || d.ConfigHash != hashes[d.Route] {
					t.Errorf("route %s, reason %s, config %s", d.Route, d.Reason, d.ConfigHash)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 100 {
		if err := reload(t.Context(), g, configs[(i+1)%2]); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	asking.Wait()
}
