package issuer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// An issuer that hangs from the start keeps nothing from starting.
func TestHangingAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial := newPipeServer(t, edJWK("a", newEd(t)))
		b := &bubble{t: t, keys: s}
		b.slow(time.Hour)
		began := time.Now()
		set := newSet(t, issuer.Options{Dial: dial}, issuerAt("http://keys.example/"))
		set.Start()
		synctest.Wait()
		if took := time.Since(began); took != 0 || set.Healthy() || set.Ready() {
			t.Errorf("after %s: healthy %v, ready %v", took, set.Healthy(), set.Ready())
		}
		want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysUnavailable)
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("a request waited until %s", took)
		}
		<-set.Changed()
		if took := time.Since(began); took != 5*time.Second || !set.Healthy() || set.Ready() {
			t.Errorf("after %s: healthy %v, ready %v", took, set.Healthy(), set.Ready())
		}
	})
}

// A hanging issuer costs nobody but those who miss a key.
func TestHangingIssuer(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.slow(time.Hour)
		b.want("b", issuer.ErrKeyPending)
		began := time.Now()
		for range 1000 {
			b.want("a", nil)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("a held key took %s", took)
		}
		b.pass(5 * time.Second)
		stats := b.issuer.Stats()
		if stats.Fetches[issuer.FetchTimeout] != 1 || stats.LastError != "no complete answer within 5s" {
			t.Errorf("fetches %v, last error %q", stats.Fetches, stats.LastError)
		}
	})
}

// Time goes on while a fetch hangs: keys that pass max_stale in the middle of one
// fall at once, for remembered tokens too, and its answer raises them again.
func TestMaxStaleWhileAFetchHangs(t *testing.T) {
	a := newEd(t)
	inBubble(t, []jwk{edJWK("a", a)}, func(cfg *config.Issuer, _ *server) {
		cfg.JWKS.MaxStale = 30 * time.Minute
		cfg.JWKS.RefreshInterval = 20 * time.Minute
		cfg.JWKS.RequestTimeout = time.Hour
	}, func(b *bubble) {
		b.slow(15 * time.Minute)
		epoch := b.issuer.Epoch()
		b.pass(30*time.Minute - time.Second)
		if b.fetches(2, 2); !b.issuer.Stats().Fetching || !b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() != epoch {
			t.Error("within max_stale the key must stand while the fetch hangs")
		}
		b.want("b", issuer.ErrKeyPending)
		b.pass(2 * time.Second)
		if b.fetches(2, 2); !b.issuer.Stats().Fetching || b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() == epoch {
			t.Error("past max_stale a remembered token must fall while the fetch hangs")
		}
		if b.logs.count("WARN", "growing stale") != 1 || b.logs.count("ERROR", "past max_stale") != 1 {
			t.Errorf("the log says\n%s", b.logs)
		}
		b.want("b", issuer.ErrKeysStale)
		b.pass(5 * time.Minute)
		b.want("a", nil)
		b.fetches(3, 3) // one at a time: that for the unknown kid came behind
	})
}
