package issuer_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// withdrawn is part of a log message.
const withdrawn = "withdrawn while tokens were still signed"

// refreshing sets a refresh interval of one minute.
func refreshing(cfg *config.Issuer, _ *server) {
	cfg.JWKS.RefreshInterval = time.Minute
	cfg.JWKS.UnknownKIDCooldown = time.Hour // no other fetches
}

// untilFetch waits until the next fetch has finished.
func (b *bubble) untilFetch() {
	b.t.Helper()
	for before := b.keys.fetches(); b.keys.fetches() == before; {
		b.pass(100 * time.Millisecond)
	}
}

func TestWithdrawnKeyGoesAtOnceWhenItIsNotInUse(t *testing.T) {
	a, other := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", a), edJWK("b", other)}, refreshing, func(b *bubble) {
		b.issuer.Verified("a", "EdDSA")
		b.pass(2 * time.Minute) // more than a minute ago
		epoch := b.issuer.Epoch()
		b.keys.publish(t, edJWK("b", other))
		b.untilFetch()
		if b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() == epoch {
			t.Error("the key is still trusted")
		}
		b.want("b", nil)
		if stats := b.issuer.Stats(); stats.WithdrawnInUse != 0 || len(stats.Withdrawn) != 0 {
			t.Errorf("withdrawn in use: %d, %v", stats.WithdrawnInUse, stats.Withdrawn)
		}
	})
}

func TestWithdrawnKeyInUseGoesWhenASecondAnswerConfirmsIt(t *testing.T) {
	a, other := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", a), edJWK("b", other)}, refreshing, func(b *bubble) {
		for range 5 {
			b.issuer.Verified("a", "EdDSA")
		}
		epoch := b.issuer.Epoch()
		b.keys.publish(t, edJWK("b", other), edJWK("c", newEd(t)))
		b.untilFetch()
		b.issuer.Verified("a", "EdDSA")
		b.want("a", nil)
		b.want("c", nil)
		if stats := b.issuer.Stats(); b.issuer.Epoch() != epoch || len(stats.Keys) != 3 || !stats.Keys[2].Leaving {
			t.Errorf("before the second answer: epoch %d to %d, keys %+v", epoch, b.issuer.Epoch(), stats.Keys)
		}
		fetches := b.keys.fetches()
		b.pass(2900 * time.Millisecond)
		b.fetches(fetches, fetches)
		b.want("a", nil)
		b.pass(100 * time.Millisecond)
		b.fetches(fetches+1, fetches+1)
		if request := b.keys.lastRequest(); request.Header.Get("Cache-Control") != "no-cache" || request.Header.Get("If-None-Match") != "" {
			t.Errorf("the second fetch could be answered by a cache: %v", request.Header)
		}
		if b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() == epoch {
			t.Error("the key is still trusted")
		}
		_, _ = b.issuer.Key(b.ctx, "a", "EdDSA")
		stats := b.issuer.Stats()
		if len(stats.Withdrawn) != 1 || stats.WithdrawnInUse != 1 {
			t.Fatalf("got %d withdrawn keys, %+v; expected one", stats.WithdrawnInUse, stats.Withdrawn)
		}
		if w := stats.Withdrawn[0]; w.KID != "a" || w.Tokens != 6 || w.TokensSince == 0 {
			t.Errorf("withdrawn %+v", w)
		}
		if b.logs.count("missing from the issuer's key set", `"kid":"a"`) != 1 || b.logs.count(withdrawn, `"kid":"a"`) != 1 {
			t.Errorf("the log says\n%s", b.logs)
		}
	})
}

// One response lacks the key, as if from a stale server of the issuer's CDN.
func TestKeyInUseThatCameBackStays(t *testing.T) {
	a, other := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", a), edJWK("b", other)}, refreshing, func(b *bubble) {
		epoch := b.issuer.Epoch()
		for range 5 {
			b.issuer.Verified("a", "EdDSA")
			b.keys.publish(t, edJWK("b", other))
			b.untilFetch()
			b.want("a", nil)
			b.keys.publish(t, edJWK("a", a), edJWK("b", other))
			b.pass(3 * time.Second)
			b.want("a", nil)
		}
		stats := b.issuer.Stats()
		if b.issuer.Epoch() != epoch || stats.WithdrawnInUse != 0 || stats.Keys[0].Leaving {
			t.Errorf("epoch %d to %d, stats %+v", epoch, b.issuer.Epoch(), stats)
		}
	})
}

// A response within confirmDelay may be from the same stale server, so it does not
// confirm that the key is gone.
func TestFetchesInQuickSuccessionConfirmNothing(t *testing.T) {
	a, other := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", a), edJWK("b", other)}, func(cfg *config.Issuer, _ *server) {
		cfg.JWKS.UnknownKIDCooldown = time.Second
	}, func(b *bubble) {
		b.issuer.Verified("a", "EdDSA")
		b.keys.publish(t, edJWK("b", other))
		for _, kid := range []string{"x", "y", "z"} {
			b.want(kid, issuer.ErrKeyUnknown)
			b.pass(500 * time.Millisecond)
			b.want("a", nil)
		}
		b.fetches(4, 4)
		b.pass(1500 * time.Millisecond)
		b.fetches(5, 5)
		if b.issuer.Holds("a", "EdDSA", a) {
			t.Error("the key is still trusted")
		}
	})
}

// A key whose removal cannot be confirmed, because fetches fail, is trusted for a
// minute only.
func TestWithdrawnKeyGoesWithinAMinuteThoughNothingConfirmsIt(t *testing.T) {
	a, other := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", a), edJWK("b", other)}, refreshing, func(b *bubble) {
		b.issuer.Verified("a", "EdDSA")
		epoch := b.issuer.Epoch()
		b.keys.publish(t, edJWK("b", other))
		b.untilFetch()
		b.keys.status(http.StatusInternalServerError)
		for range 59 {
			b.want("a", nil)
			b.issuer.Verified("a", "EdDSA")
			b.pass(time.Second)
		}
		b.pass(time.Second)
		if b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() == epoch {
			t.Error("the key is still trusted")
		}
		b.want("b", nil)
	})
}

// The same, if the issuer never answers the fetch.
func TestWithdrawnKeyGoesWithinAMinuteThoughItsConfirmationHangs(t *testing.T) {
	a, other := newEd(t), newEd(t)
	inBubble(t, []jwk{edJWK("a", a), edJWK("b", other)}, func(cfg *config.Issuer, s *server) {
		refreshing(cfg, s)
		cfg.JWKS.RequestTimeout = 10 * time.Minute
	}, func(b *bubble) {
		b.issuer.Verified("a", "EdDSA")
		epoch := b.issuer.Epoch()
		b.keys.publish(t, edJWK("b", other))
		b.untilFetch()
		b.slow(time.Hour)
		b.pass(59 * time.Second)
		b.want("a", nil)
		if b.fetches(3, 3); b.issuer.Epoch() != epoch || !b.issuer.Stats().Fetching {
			t.Errorf("epoch %d to %d, stats %+v", epoch, b.issuer.Epoch(), b.issuer.Stats())
		}
		b.pass(time.Second)
		if b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() == epoch {
			t.Error("the key is still trusted")
		}
		b.want("a", issuer.ErrKeyPending)
		b.want("b", nil)
		if stats := b.issuer.Stats(); !stats.Fetching || stats.WithdrawnInUse != 1 || b.logs.count(withdrawn, `"kid":"a"`) != 1 {
			t.Errorf("stats %+v, log\n%s", stats, b.logs)
		}
		// If the issuer publishes the key again, it is trusted again.
		b.keys.publish(t, edJWK("a", a), edJWK("b", other))
		b.pass(11 * time.Minute)
		b.want("a", nil)
	})
}

// If the issuer publishes a kid with another key, or with an unusable one, that
// applies at once.
func TestKeyReplacedUnderItsKIDGoesAtOnce(t *testing.T) {
	old, fresh := newEd(t), newEd(t)
	for _, row := range []struct {
		name string
		next jwk
		err  error
	}{
		{"by another key", edJWK("a", fresh), nil},
		{"by one that is unusable", edJWK("a", old).with("use", "enc"), issuer.ErrKeyUnfit},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, []jwk{edJWK("a", old), edJWK("b", newEd(t))}, refreshing, func(b *bubble) {
				b.issuer.Verified("a", "EdDSA")
				epoch := b.issuer.Epoch()
				b.keys.publish(t, row.next, edJWK("b", newEd(t)))
				b.untilFetch()
				b.want("a", row.err)
				if b.issuer.Holds("a", "EdDSA", old) || b.issuer.Epoch() == epoch {
					t.Error("the old key is still trusted")
				}
			})
		})
	}
}

// Each row is a response that changes nothing, however often it is repeated.
func TestAnswerWithoutAUsableKeyChangesNothing(t *testing.T) {
	for name, content := range map[string]string{
		"every key withdrawn": `{"keys":[]}`, "an empty object": `{}`, "null": `null`, "an error object": `{"error":"x"}`,
		"HTML": "<html>", "truncated": `{"keys":[{"kid":`, "nothing": "", "only unusable": `{"keys":[{"kid":"a","kty":"oct","k":"AA"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := newEd(t)
			inBubble(t, []jwk{edJWK("a", a)}, refreshing, func(b *bubble) {
				b.issuer.Verified("a", "EdDSA")
				epoch := b.issuer.Epoch()
				b.keys.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(content)) })
				b.pass(time.Hour)
				b.want("a", nil)
				b.want("b", issuer.ErrKeyPending) // such a response proves nothing about a kid
				stats := b.issuer.Stats()
				if b.issuer.Epoch() != epoch || stats.Fetches[issuer.FetchInvalid] < 10 || stats.LastError == "" {
					t.Errorf("epoch %d to %d, stats %+v", epoch, b.issuer.Epoch(), stats)
				}
				if n := b.logs.count("key fetch failed"); n != 1 {
					t.Errorf("the failure was logged %d times", n)
				}
			})
		})
	}
}

func TestTokensAreCountedByKID(t *testing.T) {
	a := newEd(t)
	inBubble(t, []jwk{edJWK("a", a), edJWK("b", newEd(t))}, refreshing, func(b *bubble) {
		for range 100 {
			b.issuer.Verified("a", "EdDSA")
		}
		b.issuer.Verified("nobody", "EdDSA")
		b.pass(5 * time.Minute) // several refreshes later
		b.issuer.Verified("a", "EdDSA")
		at := time.Now()
		b.pass(10 * time.Second)
		keys := b.issuer.Stats().Keys
		if keys[0].Tokens != 101 || keys[0].LastUsed.Sub(at).Abs() > time.Second || keys[1].Tokens != 0 || !keys[1].LastUsed.IsZero() {
			t.Errorf("keys %+v, last used %s", keys, at)
		}
	})
}
