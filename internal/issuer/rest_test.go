package issuer_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// many returns n keys with the kids k0, k1 and so on.
func many(t *testing.T, n int) (keys []ed25519.PublicKey, published []jwk) {
	t.Helper()
	for k := range n {
		keys = append(keys, newEd(t))
		published = append(published, edJWK(fmt.Sprintf("k%d", k), keys[k]))
	}
	return keys, published
}

// holds checks which kids the issuer holds.
func (b *bubble) holds(kids ...string) {
	b.t.Helper()
	var held []string
	for _, one := range b.issuer.Stats().Keys {
		held = append(held, one.KID)
	}
	slices.Sort(held)
	if !slices.Equal(held, kids) {
		b.t.Errorf("got keys %q; expected %q", held, kids)
	}
}

func atMost(n int) func(*config.Issuer, *server) {
	return func(cfg *config.Issuer, keys *server) {
		refreshing(cfg, keys)
		cfg.JWKS.MaxKeys = n
	}
}

// Of more keys than max_keys, the first are held. A kid that a token asks for takes the
// place of the one that was asked for longest ago. Neither causes a fetch or another epoch.
func TestMaxKeys(t *testing.T) {
	keys, published := many(t, 6)
	inBubble(t, published, atMost(3), func(b *bubble) {
		b.holds("k0", "k1", "k2")
		epoch := b.issuer.Epoch()
		for _, row := range []struct {
			kid  int
			held []string
		}{
			{2, []string{"k0", "k1", "k2"}},
			{4, []string{"k0", "k2", "k4"}},
			{5, []string{"k2", "k4", "k5"}},
			{2, []string{"k2", "k4", "k5"}},
			{1, []string{"k1", "k2", "k5"}},
			{0, []string{"k0", "k1", "k2"}},
		} {
			kid := fmt.Sprintf("k%d", row.kid)
			if got := want(t, b.issuer, kid, "EdDSA", nil); !keys[row.kid].Equal(got) {
				t.Errorf("%s: got another key", kid)
			}
			b.holds(row.held...)
			b.pass(2 * time.Second)
		}
		b.fetches(1, 1)
		if stats := b.issuer.Stats(); b.issuer.Epoch() != epoch || stats.Beyond != 3 {
			t.Errorf("epoch %d after %d, %d keys beyond", b.issuer.Epoch(), epoch, stats.Beyond)
		}
		if b.logs.count("more keys than jwks.max_keys") != 1 {
			t.Errorf("got log\n%s", b.logs)
		}
		b.pass(2 * time.Minute) // each refresh finds the same
		b.holds("k0", "k1", "k2")
		if b.logs.count("more keys than jwks.max_keys") != 1 || b.logs.count("replaced") != 0 || b.issuer.Epoch() != epoch {
			t.Errorf("got epoch %d, log\n%s", b.issuer.Epoch(), b.logs)
		}
		b.want("k6", issuer.ErrKeyUnknown)
	})
}

// A kid that tokens have asked for is held across a refresh, whatever its place in the
// document.
func TestMaxKeysAcrossARefresh(t *testing.T) {
	_, published := many(t, 6)
	inBubble(t, published, atMost(3), func(b *bubble) {
		for _, kid := range []string{"k5", "k4"} {
			b.want(kid, nil)
			b.issuer.Verified(kid, "EdDSA")
			b.pass(2 * time.Second)
		}
		b.keys.publish(t, append(published, edJWK("k6", newEd(t)))...)
		b.untilFetch()
		b.holds("k0", "k4", "k5")
		for _, one := range b.issuer.Stats().Keys {
			if one.KID != "k0" && one.Tokens != 1 {
				t.Errorf("%s: got %d tokens", one.KID, one.Tokens)
			}
		}
		if b.logs.count("withdrawn") != 0 || b.logs.count("is missing") != 0 {
			t.Errorf("got log\n%s", b.logs)
		}
	})
}

// A key beyond max_keys that leaves the document, or changes, is not trusted after the
// refresh, and the epoch changes, since a token may have been verified with it.
func TestMaxKeysWithdrawal(t *testing.T) {
	keys, published := many(t, 6)
	for name, change := range map[string]func([]jwk) []jwk{
		"withdrawn":               func(now []jwk) []jwk { return now[:5] },
		"replaced":                func(now []jwk) []jwk { return append(now[:5:5], edJWK("k5", newEd(t))) },
		"too few to need a limit": func(now []jwk) []jwk { return now[:3] },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, published, atMost(3), func(b *bubble) {
				b.want("k5", nil)
				for _, kid := range []string{"k0", "k1", "k2"} { // k5 is not held any more
					b.pass(2 * time.Second)
					b.want(kid, nil)
				}
				b.holds("k0", "k1", "k2")
				epoch := b.issuer.Epoch()
				b.keys.publish(t, change(published)...)
				b.untilFetch()
				if b.issuer.Holds("k5", "EdDSA", keys[5]) || b.issuer.Epoch() == epoch {
					t.Errorf("the key is still trusted, or the epoch is still %d", epoch)
				}
			})
		})
	}
}

// Whether a kid is ambiguous depends on all of its keys, so that a limit never hides one.
func TestMaxKeysHidesNoAmbiguity(t *testing.T) {
	_, published := many(t, 4)
	twice := edJWK("k1", newEd(t))
	inBubble(t, append(published, twice), atMost(2), func(b *bubble) {
		b.want("k1", issuer.ErrKeyUnfit)
		needsKID(t, b.issuer, "EdDSA")
		b.want("k3", nil)
		b.want("k1", issuer.ErrKeyUnfit)
	})
	single := newEd(t)
	inBubble(t, []jwk{edJWK("a", single), edJWK("b", newEd(t))}, atMost(1), func(b *bubble) {
		b.want("a", nil)
		needsKID(t, b.issuer, "EdDSA") // only one key is held
	})
}

// Keys in cache_dir know that there were more.
func TestMaxKeysAfterARestart(t *testing.T) {
	_, published := many(t, 2)
	keys := newServer(t, published...)
	cfg := issuerAt(keys.URL)
	cfg.JWKS.MaxKeys = 1
	dir := t.TempDir()
	startIn(t, dir, issuer.Options{}, cfg).Close()
	i := only(t, newSetIn(t, dir, issuer.Options{}, cfg))
	want(t, i, "k0", "EdDSA", nil)
	needsKID(t, i, "EdDSA")
}

// A lookup without side effects finds a key beyond max_keys, and does not hold it.
func TestMaxKeysObserved(t *testing.T) {
	_, published := many(t, 3)
	keys := newServer(t, published...)
	cfg := issuerAt(keys.URL)
	cfg.JWKS.MaxKeys = 1
	set := start(t, issuer.Options{}, cfg)
	other := newSet(t, issuer.Options{Previous: set}, cfg)
	if _, err := (issuer.Observer{Issuer: only(t, other)}).Key(t.Context(), "k2", "EdDSA"); err != nil {
		t.Error(err)
	}
	if held := only(t, set).Stats().Keys; len(held) != 1 || held[0].KID != "k0" {
		t.Errorf("got %+v", held)
	}
}

// An unusable key takes no place, and a key beyond max_keys that is unusable says why.
func TestMaxKeysSkipped(t *testing.T) {
	_, published := many(t, 4)
	published[0], published[3] = published[0].with("use", "enc"), published[3].with("use", "enc")
	inBubble(t, published, atMost(2), func(b *bubble) {
		b.holds("k1", "k2")
		_, err := b.issuer.Key(b.ctx, "k3", "EdDSA")
		if err == nil || !strings.Contains(err.Error(), `its use is "enc"`) {
			t.Errorf("got %v", err)
		}
	})
}
