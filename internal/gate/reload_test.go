package gate_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// TestReload: a reload replaces the config and keeps the keys of an issuer that is in both
// configs, although its server is down.
func TestReload(t *testing.T) {
	server := testbed.Issuers(t)
	home := addIssuer(t, server, "home", "")
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

// TestReloadRefused: a reload of a config with mistakes changes nothing.
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

// reloadingContext reloads a gate when a decision first asks for the context's error, which is
// after the decision has begun.
type reloadingContext struct {
	context.Context
	reload func()
}

func (c *reloadingContext) Err() error {
	c.reload()
	return c.Context.Err()
}

// TestReloadDuringADecision: a reload while a request is decided does not change its decision.
func TestReloadDuringADecision(t *testing.T) {
	before := parse(t, "routes: [{name: before, match: /x, access: public}]\ndefault: deny\n", nil)
	after := parse(t, "routes: [{name: after, match: /x, access: public}]\ndefault: deny\n", nil)
	g := open(t, before, gate.Options{Logger: quiet()})
	ctx := &reloadingContext{t.Context(), sync.OnceFunc(func() {
		if err := reload(t.Context(), g, after); err != nil {
			t.Error(err)
		}
	})}
	for _, want := range []struct {
		route string
		cfg   *config.Config
	}{{"before", before}, {"after", after}} {
		if d := g.Decide(ctx, get("/x")); d.Route != want.route || d.Reason != gate.ReasonPublic || d.ConfigHash != want.cfg.Hash {
			t.Errorf("got %s on route %s by config %s; expected public on route %s by config %s",
				d.Reason, d.Route, d.ConfigHash, want.route, want.cfg.Hash)
		}
	}
}

// TestReloadSwapsWhole: while configs are reloaded, each request is decided by one config, and
// never by parts of two.
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
