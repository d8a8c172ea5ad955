package issuer_test

import (
	"crypto/elliptic"
	"errors"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// needsKID fails the test unless a token without a kid gets no key, because it needs a kid.
func needsKID(t *testing.T, i *issuer.Issuer, alg string) {
	t.Helper()
	key, err := i.Key(t.Context(), "", alg)
	unnamed, ok := errors.AsType[interface {
		error
		NeedsKID() bool
		RetryAfter() time.Duration
	}](err)
	if key != nil || !ok || !unnamed.NeedsKID() || unnamed.RetryAfter() != 0 {
		t.Errorf("got key %v, error %v; expected that the token needs a kid", key, err)
	}
}

// A token without a kid gets the only key that fits its alg. A key of another type, or one
// that is only for another alg, does not count; a second key that fits does, with a kid or
// without.
func TestKeyWithoutKID(t *testing.T) {
	one, two, ec := newRSA(t), newRSA(t), newEC(t, elliptic.P256())
	named, bare, other := rsaJWK("a", one), rsaJWK("a", one).with("kid", nil), rsaJWK("b", two)
	for _, row := range []struct {
		name string
		keys []jwk
		fits bool
	}{
		{"a key with a kid", []jwk{named}, true},
		{"a key without a kid", []jwk{bare}, true},
		{"a key whose kid is null", []jwk{named.with("kid", new(any))}, true},
		{"the same key twice", []jwk{named, bare, rsaJWK("c", one)}, true},
		{"a key of another type", []jwk{named, ecJWK(t, "c", ec), edJWK("d", newEd(t))}, true},
		{"another key for another alg", []jwk{named.with("alg", "RS256"), other.with("alg", "PS256")}, true},
		{"another key for encryption", []jwk{named, other.with("use", "enc")}, true},
		{"two keys", []jwk{named, other}, false},
		{"two keys, one without a kid", []jwk{bare, other}, false},
		{"two keys without a kid", []jwk{bare, other.with("kid", nil)}, false},
		{"two keys, one with alg", []jwk{named.with("alg", "RS256"), other}, false},
		{"two keys of one kid", []jwk{named, other.with("kid", "a")}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := only(t, newSet(t, issuer.Options{}, issuerOf(t, document(t, row.keys...))))
			if !row.fits {
				needsKID(t, i, "RS256")
				return
			}
			if key := want(t, i, "", "RS256", nil); !one.Equal(key) {
				t.Errorf("got another key: %v", key)
			}
		})
	}
	cfg := issuerOf(t, document(t, named, ecJWK(t, "c", ec)))
	cfg.Algorithms = []string{"RS256"}
	i := only(t, newSet(t, issuer.Options{}, cfg))
	want(t, i, "", "ES256", issuer.ErrKeyUnfit) // not one of the issuer's algorithms
	want(t, only(t, newSet(t, issuer.Options{}, issuerOf(t, document(t, named)))), "", "ES256", issuer.ErrKeyUnfit)
}

// A key without a kid is for tokens without one.
func TestKIDOfAKeyWithoutOne(t *testing.T) {
	inBubble(t, []jwk{edJWK("", newEd(t)).with("kid", nil)}, nil, func(b *bubble) {
		b.want("", nil)
		b.want("a", issuer.ErrKeyUnknown)
	})
}

// Without keys, a token without a kid is an outage of the issuer and causes fetches, as one
// with a kid does. With keys, it causes none.
func TestOutageWithoutKID(t *testing.T) {
	inBubble(t, nil, func(_ *config.Issuer, keys *server) { keys.status(500) }, func(b *bubble) {
		b.want("", issuer.ErrKeysUnavailable)
		b.keys.publish(t, edJWK("a", newEd(t)), edJWK("b", newEd(t)))
		b.pass(time.Minute)
		fetches := b.keys.fetches()
		for range 100 {
			needsKID(t, b.issuer, "EdDSA")
			want(t, b.issuer, "", "RS256", issuer.ErrKeyUnfit)
		}
		b.pass(10 * time.Second)
		b.fetches(fetches, fetches)
	})
}

// During a rotation, tokens without a kid need one from the moment that two keys are
// published. The epoch changes then, so that no such token stays in a cache.
func TestRotationWithoutKID(t *testing.T) {
	one, two := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", one)}, refreshing, func(b *bubble) {
		b.want("", nil)
		epoch := b.issuer.Epoch()
		changed := func(step string) {
			t.Helper()
			if now := b.issuer.Epoch(); now == epoch {
				t.Errorf("%s: the epoch is the same", step)
			} else {
				epoch = now
			}
		}
		b.keys.publish(t, edJWK("a", one), edJWK("b", two))
		b.untilFetch()
		needsKID(t, b.issuer, "EdDSA")
		changed("two keys")
		b.keys.publish(t, edJWK("b", two))
		b.untilFetch()
		if key := want(t, b.issuer, "", "EdDSA", nil); !two.Equal(key) {
			t.Error("got the first key")
		}
		changed("the second key")
		b.issuer.Verified("", "EdDSA")
		if stats := b.issuer.Stats(); stats.Keys[0].Tokens != 1 {
			t.Errorf("got keys %+v; expected one token", stats.Keys)
		}
		// The key is in use, so it stays until a second response confirms its removal. For
		// a token without a kid, the key of the last response counts.
		b.keys.publish(t, edJWK("c", one))
		b.untilFetch()
		b.want("b", nil)
		if key := want(t, b.issuer, "", "EdDSA", nil); !one.Equal(key) {
			t.Error("got the second key")
		}
		changed("the first key again")
	})
}

// As long as no token without a kid has come, a new key leaves the epoch as it is.
func TestEpochWithoutTokensWithoutKID(t *testing.T) {
	one := newEd(t)
	inBubble(t, []jwk{edJWK("a", one)}, refreshing, func(b *bubble) {
		b.want("a", nil)
		epoch := b.issuer.Epoch()
		b.keys.publish(t, edJWK("a", one), edJWK("b", newEd(t)))
		b.untilFetch()
		if b.issuer.Epoch() != epoch {
			t.Error("the epoch has changed")
		}
	})
}

// Restored keys of another list of algorithms are not known to be all that fit.
func TestRestoredKeysWithoutKID(t *testing.T) {
	keys := newServer(t, rsaJWK("a", newRSA(t)), rsaJWK("b", newRSA(t)).with("alg", "PS256"))
	cfg := issuerAt(keys.URL)
	cfg.Algorithms = []string{"RS256"}
	dir := t.TempDir()
	first := startIn(t, dir, issuer.Options{}, cfg)
	want(t, only(t, first), "", "RS256", nil)
	both := cfg
	both.Algorithms = []string{"RS256", "PS256"}
	needsKID(t, only(t, newSet(t, issuer.Options{Previous: first}, both)), "PS256")
	first.Close()
	want(t, only(t, newSetIn(t, dir, issuer.Options{}, cfg)), "", "RS256", nil)
	needsKID(t, only(t, newSetIn(t, dir, issuer.Options{}, both)), "PS256")
}
