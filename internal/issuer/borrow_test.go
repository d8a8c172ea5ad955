package issuer_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// inRegions runs a test in a bubble with an issuer that has a fallback and refreshes its keys
// each minute. The key set is at first.
func inRegions(t *testing.T, maxStale time.Duration, keys, lent []jwk, test func(b *bubble, first, other *server)) {
	t.Helper()
	first, other := &server{}, &server{}
	first.publish(t, keys...)
	other.publish(t, lent...)
	inBubble(t, nil, func(cfg *config.Issuer, s *server) {
		refreshing(cfg, s)
		cfg.JWKS.MaxStale, cfg.JWKS.Fallbacks = maxStale, []string{"http://fallback.example/jwks.json"}
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "fallback.example" {
				other.ServeHTTP(w, r)
				return
			}
			first.ServeHTTP(w, r)
		})
	}, func(b *bubble) { test(b, first, other) })
}

// A fallback that is behind the issuer adds keys, and neither removes nor replaces one. Its
// ETag changes nothing.
func TestFallbackOnlyAddsKeys(t *testing.T) {
	a, fresh := newEd(t), newEd(t)
	for _, etag := range []bool{false, true} {
		t.Run(fmt.Sprintf("etag %t", etag), func(t *testing.T) {
			lent := []jwk{edJWK("a", newEd(t)), edJWK("old", newEd(t)), edJWK("two", newEd(t)), edJWK("two", newEd(t)), edJWK("bad", newEd(t))}
			keys := []jwk{edJWK("a", a), edJWK("fresh", fresh), edJWK("bad", newEd(t)).with("use", "enc")}
			inRegions(t, 24*time.Hour, keys, lent, func(b *bubble, first, other *server) {
				if etag {
					text := document(t, lent...)
					other.answers(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("ETag", `"1"`)
						if r.Header.Get("If-None-Match") != "" {
							w.WriteHeader(http.StatusNotModified)
							return
						}
						fmt.Fprint(w, text)
					})
				}
				b.issuer.Verified("fresh", "EdDSA")
				epoch := b.issuer.Epoch()
				first.status(http.StatusServiceUnavailable)
				for range 60 {
					b.untilFetch()
					b.want("old", nil)
					b.want("two", issuer.ErrKeyUnfit)
					b.want("bad", issuer.ErrKeyUnfit)
					if !b.issuer.Holds("a", "EdDSA", a) || !b.issuer.Holds("fresh", "EdDSA", fresh) {
						t.Fatal("a key of the issuer is not trusted")
					}
				}
				stats := b.issuer.Stats()
				b.want("newest", issuer.ErrKeyPending) // the issuer may publish it
				if b.issuer.Epoch() != epoch || (stats.Fetches[issuer.FetchNotModified] == 59) != etag || stats.Age < 50*time.Minute {
					t.Errorf("epoch %d to %d, stats %+v", epoch, b.issuer.Epoch(), stats)
				}
			})
		})
	}
}

// A key that only a fallback has does not make a token without a kid ambiguous.
func TestFallbackAddsNoAmbiguity(t *testing.T) {
	inRegions(t, 24*time.Hour, []jwk{edJWK("a", newEd(t))}, []jwk{edJWK("old", newEd(t))}, func(b *bubble, first, _ *server) {
		key := want(t, b.issuer, "", "EdDSA", nil)
		epoch := b.issuer.Epoch()
		first.status(http.StatusServiceUnavailable)
		b.untilFetch()
		b.want("old", nil)
		if !b.issuer.Holds("", "EdDSA", key) || b.issuer.Epoch() != epoch {
			t.Error("the token without a kid has lost its key")
		}
	})
}

// max_stale counts from the last answer of the issuer's own server. Then the keys of the
// fallback are used alone, without a gap, for max_stale after its own last answer.
func TestFallbackDoesNotPostponeMaxStale(t *testing.T) {
	a, fresh := edJWK("a", newEd(t)), newEd(t)
	inRegions(t, time.Hour, []jwk{a, edJWK("fresh", fresh)}, []jwk{a, edJWK("old", newEd(t))}, func(b *bubble, first, other *server) {
		first.status(http.StatusServiceUnavailable)
		b.pass(59*time.Minute + 30*time.Second)
		b.want("newest", issuer.ErrKeyPending) // causes a fetch
		b.issuer.Verified("fresh", "EdDSA")
		b.want("fresh", nil)
		epoch := b.issuer.Epoch()
		other.status(http.StatusServiceUnavailable) // no further answer removes the key
		b.pass(30*time.Second + time.Millisecond)
		if b.issuer.Holds("fresh", "EdDSA", fresh) || b.issuer.Epoch() == epoch {
			t.Error("the key is still trusted")
		}
		b.want("a", nil)
		b.want("old", nil)
		if n := b.logs.count("keys are becoming stale"); n != 1 {
			t.Errorf("the age was logged %d times", n)
		}
		b.pass(57 * time.Minute)
		b.want("old", nil)
		b.pass(4 * time.Minute)
		b.want("old", issuer.ErrKeysStale)
		other.publish(t, a)
		b.pass(2 * time.Minute)
		b.want("a", nil)
	})
}

// When the issuer's own server answers again, only its keys remain. A key in use that only
// the fallback had goes when a second answer confirms that.
func TestKeysOfAFallbackAreWithdrawn(t *testing.T) {
	a, used, idle := edJWK("a", newEd(t)), newEd(t), newEd(t)
	inRegions(t, 24*time.Hour, []jwk{a}, []jwk{edJWK("used", used), edJWK("idle", idle)}, func(b *bubble, first, _ *server) {
		first.status(http.StatusServiceUnavailable)
		b.untilFetch()
		b.want("idle", nil)
		first.publish(t, a)
		b.pass(50 * time.Second)
		b.issuer.Verified("used", "EdDSA")
		b.untilFetch()
		if !b.issuer.Holds("used", "EdDSA", used) || b.issuer.Holds("idle", "EdDSA", idle) {
			t.Error("before the second answer: only the key in use should be trusted")
		}
		b.pass(3 * time.Second)
		if b.issuer.Holds("used", "EdDSA", used) {
			t.Error("the key is still trusted")
		}
		b.want("a", nil)
	})
}

// A fallback neither confirms the removal of a key nor prevents it. It is not asked in a loop.
func TestFallbackConfirmsNothing(t *testing.T) {
	a, b1 := edJWK("a", newEd(t)), newEd(t)
	for name, lent := range map[string][]jwk{"without the key": {a}, "with the key": {a, edJWK("b", b1)}} {
		t.Run(name, func(t *testing.T) {
			inRegions(t, 24*time.Hour, []jwk{a, edJWK("b", b1)}, lent, func(b *bubble, first, other *server) {
				b.issuer.Verified("b", "EdDSA")
				first.publish(t, a)
				b.untilFetch()
				first.status(http.StatusServiceUnavailable)
				b.pass(55 * time.Second)
				b.want("b", nil)
				epoch := b.issuer.Epoch()
				b.pass(5 * time.Second)
				if n := other.fetches(); n > 21 {
					t.Errorf("the fallback was asked %d times in a minute", n)
				}
				if b.issuer.Epoch() == epoch {
					t.Error("the key was not removed within a minute")
				}
			})
		})
	}
}

// Without keys of the issuer's own server, the fallback's answers are the key set, and
// cache_dir says so. Keys that only a fallback has are not written beside others.
func TestFallbackFromTheStart(t *testing.T) {
	a, old, fresh := edJWK("a", newEd(t)), edJWK("old", newEd(t)), edJWK("fresh", newEd(t))
	first, other := newServer(t, a, fresh), newServer(t, old)
	first.status(http.StatusServiceUnavailable)
	dir := t.TempDir()
	restart := func(kid string, sentinel error) {
		t.Helper()
		set := startIn(t, dir, issuer.Options{}, withFallbacks(first, other))
		retry(t, only(t, set), kid, sentinel)
		set.Close()
	}
	restart("old", nil)
	other.publish(t, a)
	restart("a", nil)
	restart("old", issuer.ErrKeyUnknown)
	first.publish(t, a, fresh)
	restart("fresh", nil)
	first.status(http.StatusServiceUnavailable)
	other.publish(t, a, old)
	restart("old", nil)
	other.publish(t, a)
	set := startIn(t, dir, issuer.Options{}, withFallbacks(first, other))
	want(t, only(t, set), "fresh", "EdDSA", nil)
	want(t, only(t, set), "old", "EdDSA", issuer.ErrKeyPending)
}
