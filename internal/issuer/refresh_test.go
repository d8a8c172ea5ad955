package issuer_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// gap is the time from the first fetch to the second.
func gap(b *bubble) time.Duration {
	b.t.Helper()
	for range 3600 {
		if b.keys.fetches() > 1 {
			return b.gaps(0)[0]
		}
		b.pass(time.Second)
	}
	b.t.Fatal("got no second fetch within an hour")
	return 0
}

func TestRefreshInterval(t *testing.T) {
	cached := func(control string) []string { return []string{"Cache-Control", control} }
	for _, row := range []struct {
		name        string
		header      []string
		interval    time.Duration
		least, most time.Duration
	}{
		{"the configured one", nil, 15 * time.Minute, 810 * time.Second, 900 * time.Second},
		{"a short one", nil, 2 * time.Second, 1800 * time.Millisecond, 2 * time.Second},
		{"max-age within the bounds", cached("public, max-age=300"), 15 * time.Minute, 270 * time.Second, 300 * time.Second},
		{"max-age minus Age", append(cached("max-age=300"), "Age", "180"), 15 * time.Minute, 108 * time.Second, 120 * time.Second},
		{"max-age too long", cached("max-age=86400"), 15 * time.Minute, 810 * time.Second, 900 * time.Second},
		{"max-age absurd", cached("max-age=99999999999999999999999"), 15 * time.Minute, 810 * time.Second, 900 * time.Second},
		{"max-age too short", cached("max-age=1"), 15 * time.Minute, 54 * time.Second, 60 * time.Second},
		{"no-cache", cached("No-Cache, max-age=600"), 15 * time.Minute, 54 * time.Second, 60 * time.Second},
		{"no-store", cached("no-store"), 15 * time.Minute, 54 * time.Second, 60 * time.Second},
		{"two of them: the shorter", cached("max-age=600, max-age=120"), 15 * time.Minute, 108 * time.Second, 120 * time.Second},
		{"quoted", cached(`max-age="120"`), 15 * time.Minute, 108 * time.Second, 120 * time.Second},
		{"not a number", cached("max-age=soon"), 15 * time.Minute, 810 * time.Second, 900 * time.Second},
		{"negative", cached("max-age=-1"), 15 * time.Minute, 810 * time.Second, 900 * time.Second},
		{"the minimum does not lengthen a short interval", cached("max-age=1"), 10 * time.Second, 9 * time.Second, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := document(t, edJWK("a", newEd(t)))
			inBubble(t, nil, func(cfg *config.Issuer, keys *server) {
				cfg.JWKS.RefreshInterval = row.interval
				keys.answers(func(w http.ResponseWriter, _ *http.Request) {
					for n := 0; n < len(row.header); n += 2 {
						w.Header().Set(row.header[n], row.header[n+1])
					}
					fmt.Fprint(w, text)
				})
			}, func(b *bubble) {
				if got := gap(b); got < row.least || got > row.most {
					t.Errorf("the second fetch came after %s, want %s to %s", got, row.least, row.most)
				}
			})
		})
	}
}

func TestRefreshesAreJittered(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.pass(10 * time.Hour)
		gaps := map[time.Duration]bool{}
		for _, one := range b.gaps(0) {
			gaps[one] = true
		}
		if len(gaps) < 10 {
			t.Errorf("only %d different intervals in 10 hours", len(gaps))
		}
	})
}

// A failed first fetch is retried after 1, 2, 4 seconds and so on, up to a minute.
// A request does not cause an earlier retry than the cooldown allows.
func TestBackOff(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, func(_ *config.Issuer, keys *server) {
		keys.status(http.StatusInternalServerError)
	}, func(b *bubble) {
		if !b.set.Healthy() || b.set.Ready() {
			t.Error("after a failed first fetch the set must be healthy but not ready")
		}
		b.want("a", issuer.ErrKeysUnavailable)
		b.pass(10 * time.Minute)
		for n, one := range b.gaps(0) {
			most := min(time.Second<<min(n, 10), time.Minute)
			if one > most || one < most*3/4 {
				t.Errorf("attempt %d came after %s, want %s to %s", n+1, one, most*3/4, most)
			}
		}
		b.keys.publish(t, edJWK("a", newEd(t)))
		b.pass(time.Minute)
		b.want("a", nil)
		if !b.set.Ready() {
			t.Error("with keys the set must be ready")
		}
	})
}

func TestRecoveryIsNoticedInProportionToTheOutage(t *testing.T) {
	for _, outage := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			inBubble(t, nil, func(cfg *config.Issuer, keys *server) {
				cfg.JWKS.UnknownKIDCooldown = time.Second
				keys.status(http.StatusInternalServerError)
			}, func(b *bubble) {
				ask := func() bool {
					_, err := b.issuer.Key(b.ctx, "a", "EdDSA")
					b.pass(10 * time.Millisecond)
					return err == nil
				}
				for began := time.Now(); time.Since(began) < outage; {
					ask()
				}
				b.keys.publish(t, edJWK("a", newEd(t)))
				recovered := time.Now()
				for !ask() {
					continue
				}
				if took, most := time.Since(recovered), min(outage/4, time.Minute)+1100*time.Millisecond; took > most {
					t.Errorf("it took %s, want at most %s", took, most)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for _, row := range []struct {
		name        string
		value       func() string
		least, most time.Duration
	}{
		{"seconds", func() string { return "30" }, 30 * time.Second, 30 * time.Second},
		{"a date", func() string {
			return time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)
		}, 18 * time.Second, 20 * time.Second},
		{"more than a minute", func() string { return "3600" }, time.Minute, time.Minute},
		{"a date long gone", func() string { return "Sat, 02 Jan 1999 15:04:05 GMT" }, 750 * time.Millisecond, time.Second},
		{"nonsense", func() string { return "soon" }, 750 * time.Millisecond, time.Second},
		{"zero", func() string { return "0" }, 750 * time.Millisecond, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, nil, func(_ *config.Issuer, keys *server) {
				keys.answers(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", row.value())
					w.WriteHeader(http.StatusTooManyRequests)
				})
			}, func(b *bubble) {
				for b.keys.fetches() < 2 { // requests do not cause an earlier fetch
					_, _ = b.issuer.Key(b.ctx, "a", "EdDSA")
					b.pass(10 * time.Millisecond)
				}
				if got := b.gaps(0)[0]; got < row.least || got > row.most {
					t.Errorf("the second fetch came after %s, want %s to %s", got, row.least, row.most)
				}
			})
		})
	}
}

// An error that is not the token's fault has a RetryAfter within the bounds.
func TestRetryAfterHint(t *testing.T) {
	hint := func(b *bubble, kid, alg string, sentinel error, want time.Duration) {
		b.t.Helper()
		_, err := b.issuer.Key(b.ctx, kid, alg)
		later, ok := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](err)
		if !errors.Is(err, sentinel) || !ok || later.RetryAfter() != want {
			b.t.Errorf("kid %q: got %v, retry after %v; expected %v after %s", kid, err, later, sentinel, want)
		}
	}
	inBubble(t, []jwk{edJWK("a", newEd(t))}, func(cfg *config.Issuer, _ *server) {
		cfg.JWKS.MaxStale = time.Hour
	}, func(b *bubble) {
		hint(b, "a", "RS256", issuer.ErrKeyUnfit, 0)
		hint(b, "b", "EdDSA", issuer.ErrKeyUnknown, 0)
		b.keys.status(http.StatusTooManyRequests, "Retry-After", "7")
		hint(b, "c", "EdDSA", issuer.ErrKeyPending, 7*time.Second)
		b.pass(6900 * time.Millisecond)
		hint(b, "c", "EdDSA", issuer.ErrKeyPending, time.Second) // just before the next fetch
		b.pass(time.Hour)
		b.keys.status(http.StatusTooManyRequests, "Retry-After", "45")
		for fetches := b.keys.fetches(); b.keys.fetches() == fetches; {
			b.pass(time.Second)
		}
		hint(b, "a", "EdDSA", issuer.ErrKeysStale, 30*time.Second)
	})
	inBubble(t, []jwk{edJWK("a", newEd(t))}, func(_ *config.Issuer, keys *server) {
		keys.status(http.StatusTooManyRequests, "Retry-After", "9")
	}, func(b *bubble) {
		hint(b, "a", "EdDSA", issuer.ErrKeysUnavailable, 9*time.Second)
		b.keys.publish(t, edJWK("b", newEd(t)))
		b.slow(time.Second)
		b.pass(9 * time.Second)
		hint(b, "a", "EdDSA", issuer.ErrKeysUnavailable, time.Second) // the fetch is in flight
	})
}

func TestETag(t *testing.T) {
	text := document(t, edJWK("a", newEd(t)))
	inBubble(t, nil, func(cfg *config.Issuer, keys *server) {
		cfg.JWKS.MaxStale = 20 * time.Minute
		keys.answers(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			if r.Header.Get("If-None-Match") == `"v1"` {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprint(w, text)
		})
	}, func(b *bubble) {
		b.pass(time.Hour)
		b.want("a", nil) // past max_stale, if a 304 did not confirm the keys
		stats := b.issuer.Stats()
		if stats.Fetches[issuer.FetchOK] != 1 || stats.Fetches[issuer.FetchNotModified] < 3 || stats.Age > 15*time.Minute {
			t.Errorf("fetches %v, age %s", stats.Fetches, stats.Age)
		}
		b.want("b", issuer.ErrKeyUnknown) // a 304 proves that the kid is not published
		if got := b.keys.lastRequest().Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("a fetch for an unknown kid has Cache-Control %q; expected no-cache", got)
		}
	})
}

// Stale keys that a 304 confirmed become stale again.
func TestStaleTwice(t *testing.T) {
	text := document(t, edJWK("a", newEd(t)))
	up := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, text)
	}
	inBubble(t, nil, func(cfg *config.Issuer, keys *server) {
		cfg.JWKS.MaxStale = time.Hour
		keys.answers(up)
	}, func(b *bubble) {
		for n := range 2 {
			epoch := b.issuer.Epoch()
			b.keys.status(http.StatusBadGateway)
			b.pass(61 * time.Minute)
			b.want("a", issuer.ErrKeysStale)
			if b.issuer.Epoch() == epoch || b.logs.count("ERROR", "past max_stale") != n+1 {
				t.Errorf("time %d: epoch still %d, log\n%s", n+1, epoch, b.logs)
			}
			b.keys.answers(up)
			b.pass(time.Minute)
			b.want("a", nil)
		}
	})
}

// A 304 in response to a request without a validator is an error.
func TestNotModifiedWithoutAValidator(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.keys.status(http.StatusNotModified)
		b.want("b", issuer.ErrKeyPending)
		if stats := b.issuer.Stats(); stats.Fetches[issuer.FetchStatus] != 1 {
			t.Errorf("fetches %v", stats.Fetches)
		}
	})
}

// The ETag of a rejected response is not used, so that no 304 can confirm it.
func TestETagOfARejectedResponseIsNotUsed(t *testing.T) {
	inBubble(t, nil, func(_ *config.Issuer, keys *server) {
		keys.answers(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"empty"`)
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprint(w, `{"keys":[]}`)
		})
	}, func(b *bubble) {
		b.pass(time.Minute)
		if stats := b.issuer.Stats(); stats.HasKeys || stats.Fetches[issuer.FetchNotModified] != 0 {
			t.Errorf("has keys %v, fetches %v", stats.HasKeys, stats.Fetches)
		}
		b.want("a", issuer.ErrKeysUnavailable)
	})
}

func TestMaxStale(t *testing.T) {
	ed := newEd(t)
	inBubble(t, []jwk{edJWK("a", ed)}, func(cfg *config.Issuer, _ *server) {
		cfg.JWKS.MaxStale = 2 * time.Hour
		cfg.JWKS.RefreshInterval = 10 * time.Minute
	}, func(b *bubble) {
		b.keys.status(http.StatusBadGateway)
		epoch := b.issuer.Epoch()
		b.pass(2*time.Hour - time.Second)
		b.want("a", nil)
		if !b.issuer.Holds("a", "EdDSA", ed) || b.issuer.Epoch() != epoch {
			t.Error("the key is not trusted within max_stale")
		}
		if b.logs.count("WARN", "becoming stale") != 1 || b.logs.count("ERROR") != 0 {
			t.Errorf("before max_stale the log says\n%s", b.logs)
		}
		b.pass(2 * time.Second)
		b.want("a", issuer.ErrKeysStale)
		b.want("b", issuer.ErrKeysStale)
		if b.issuer.Holds("a", "EdDSA", ed) || b.issuer.Epoch() == epoch {
			t.Error("a cached token is still valid past max_stale")
		}
		if stats := b.issuer.Stats(); !stats.Stale || !stats.HasKeys || len(stats.Keys) != 1 {
			t.Errorf("stats %+v", stats)
		}
		if b.logs.count("ERROR", "past max_stale") != 1 {
			t.Errorf("past max_stale the log says\n%s", b.logs)
		}
		if !b.set.Ready() || !b.set.Healthy() {
			t.Error("an outage changed readiness or health")
		}
		b.keys.publish(t, edJWK("a", ed))
		b.pass(time.Minute)
		b.want("a", nil)
		if !b.issuer.Holds("a", "EdDSA", ed) || b.issuer.Stats().Stale {
			t.Error("the key is not trusted after the outage")
		}
		b.pass(2 * time.Hour)
		if b.logs.count("ERROR") != 1 || b.logs.count("becoming stale") != 1 {
			t.Errorf("after the outage the log says\n%s", b.logs)
		}
	})
}

// After a clock without monotonic readings is set, known keys stay in use, and
// unknown kids still cause fetches.
func TestClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, -48 * time.Hour, time.Hour, 23 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var offset atomic.Int64
				now := func() time.Time { return time.Now().Round(0).Add(time.Duration(offset.Load())) }
				keys, dial := newPipeServer(t, edJWK("a", newEd(t)))
				i := only(t, start(t, issuer.Options{Now: now, Dial: dial}, issuerAt("http://keys.example/")))
				offset.Store(int64(step))
				want(t, i, "a", "EdDSA", nil)
				keys.publish(t, edJWK("a", newEd(t)), edJWK("b", newEd(t)))
				want(t, i, "b", "EdDSA", nil)
				want(t, i, "c", "EdDSA", issuer.ErrKeyUnknown)
				want(t, i, "a", "EdDSA", nil)
			})
		})
	}
}
