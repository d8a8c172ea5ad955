package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

func TestUnknownKIDIsUnknownOnceAFetchHasSaidSo(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.want("b", issuer.ErrKeyUnknown) // after waiting for the fetch that it caused
		b.fetches(2, 2)
		b.want("b", issuer.ErrKeyUnknown)
		b.fetches(2, 2) // the kid is remembered
		b.want("a", nil)
	})
}

func TestRotatedKeyIsAcceptedByTheFirstRequest(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.keys.publish(t, edJWK("a", newEd(t)), edJWK("b", newEd(t)))
		b.slow(150 * time.Millisecond)
		began := time.Now()
		b.want("b", nil)
		if took := time.Since(began); took != 150*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		b.fetches(2, 2)
	})
}

func TestWaitIsBounded(t *testing.T) {
	for _, row := range []struct {
		name string
		left time.Duration // on the request; 0: no deadline
		want time.Duration
	}{
		{"no deadline", 0, 200 * time.Millisecond},
		{"much time left", time.Minute, 200 * time.Millisecond},
		{"half of what is left", 100 * time.Millisecond, 50 * time.Millisecond},
		{"nothing left", -time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
				b.slow(time.Second)
				ctx := b.ctx
				if row.left != 0 {
					limited, cancel := context.WithTimeout(ctx, row.left)
					defer cancel()
					ctx = limited
				}
				began := time.Now()
				_, err := b.issuer.Key(ctx, "b", "EdDSA")
				if took := time.Since(began); took != row.want || !errors.Is(err, issuer.ErrKeyPending) {
					t.Errorf("after %s: %v; want pending after %s", took, err, row.want)
				}
				b.pass(time.Second)
				b.fetches(2, 2) // the fetch outlived the request
				b.want("b", issuer.ErrKeyUnknown)
				b.fetches(2, 2)
			})
		})
	}
}

func TestWaiterLeavesWhenItsRequestEnds(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.keys.publish(t, edJWK("b", newEd(t)))
		b.slow(time.Second)
		ctx, cancel := context.WithCancel(b.ctx)
		time.AfterFunc(20*time.Millisecond, cancel)
		began := time.Now()
		_, err := b.issuer.Key(ctx, "b", "EdDSA")
		if took := time.Since(began); took != 20*time.Millisecond || !errors.Is(err, issuer.ErrKeyPending) {
			t.Errorf("after %s: %v", took, err)
		}
		b.pass(time.Second)
		b.want("b", nil) // the fetch that the first request caused continued
		b.fetches(2, 2)
	})
}

// A fetch that was in flight when the kid was first seen does not prove that the kid
// is unknown.
func TestOnlyAFetchThatBeganLaterMakesAKIDUnknown(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.slow(100 * time.Millisecond)
		go func() { _, _ = b.issuer.Key(b.ctx, "first", "EdDSA") }()
		b.pass(50 * time.Millisecond)
		began := time.Now()
		b.want("second", issuer.ErrKeyUnknown)
		if took := time.Since(began); took != 150*time.Millisecond {
			t.Errorf("it took %s, want the rest of one fetch and all of the next", took)
		}
		b.fetches(3, 3)
	})
}

// The later fetch also happens if the request with the kid no longer waits.
func TestKIDSeenDuringAFetchGetsOneOfItsOwn(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.slow(500 * time.Millisecond)
		for _, kid := range []string{"first", "second"} {
			_, err := b.issuer.Key(b.ctx, kid, "EdDSA")
			if !errors.Is(err, issuer.ErrKeyPending) {
				t.Errorf("kid %q: got %v", kid, err)
			}
		}
		b.pass(2 * time.Second)
		b.fetches(3, 3)
		b.want("second", issuer.ErrKeyUnknown)
	})
}

func TestWaitersShareOneFetch(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		for n := range 3 { // in total, more than may wait at once
			kid := fmt.Sprint("rotated-", n)
			b.keys.publish(t, edJWK(kid, newEd(t)))
			b.slow(100 * time.Millisecond)
			var group sync.WaitGroup
			for range 500 {
				group.Go(func() { want(b.t, b.issuer, kid, "EdDSA", nil) })
			}
			group.Wait()
			b.fetches(2+n, 2+n)
		}
	})
}

// The requests beyond those that may wait are answered at once, and none of
// them for good.
func TestWaitersAreBounded(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.slow(time.Hour)
		var waited, refused atomic.Int64
		var group sync.WaitGroup
		for range 3000 {
			group.Go(func() {
				began := time.Now()
				_, err := b.issuer.Key(b.ctx, "b", "EdDSA")
				if !errors.Is(err, issuer.ErrKeyPending) {
					t.Errorf("got %v", err)
				}
				if time.Since(began) > 0 {
					waited.Add(1)
				} else {
					refused.Add(1)
				}
			})
		}
		group.Wait()
		if waited.Load() != 1024 || refused.Load() != 3000-1024 {
			t.Errorf("%d waited, %d did not", waited.Load(), refused.Load())
		}
		b.pass(time.Second)
		began := time.Now()
		_, _ = b.issuer.Key(b.ctx, "b", "EdDSA")
		if time.Since(began) == 0 {
			t.Error("a request does not wait although all others have left")
		}
	})
}

func TestUnknownKIDsBudget(t *testing.T) {
	const cooldown = 5 * time.Second
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		for n := range 10 {
			_, err := b.issuer.Key(b.ctx, fmt.Sprint("burst-", n), "EdDSA")
			sentinel := issuer.ErrKeyUnknown
			if n >= 3 {
				sentinel = issuer.ErrKeyPending // the budget is spent
			}
			if !errors.Is(err, sentinel) {
				t.Errorf("kid %d: got %v, want %v", n, err, sentinel)
			}
		}
		b.fetches(1+3, 1+3)
		for n := range 1000 { // ten a second
			_, _ = b.issuer.Key(b.ctx, fmt.Sprint("flood-", n), "EdDSA")
			b.pass(100 * time.Millisecond)
		}
		b.fetches(1+3+19, 1+3+20)
		for _, gap := range b.gaps(3) {
			if gap < cooldown {
				t.Errorf("two fetches within %s", gap)
			}
		}
		b.want("a", nil)
	})
}

// A requested fetch happens once the budget allows it, without another request.
func TestWantedFetchComesWithoutAnotherRequest(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		for n := range 4 {
			_, _ = b.issuer.Key(b.ctx, fmt.Sprint(n), "EdDSA")
		}
		b.fetches(4, 4)
		b.pass(5 * time.Second)
		b.fetches(5, 5)
		b.want("3", issuer.ErrKeyUnknown)
		b.pass(time.Minute)
		b.fetches(5, 5)
	})
}

// During a flood, a rotated key is accepted within a cooldown, and its kid is never
// called unknown, even though the flood makes the issuer forget kids.
func TestRotationDuringAFlood(t *testing.T) {
	const cooldown = 5 * time.Second
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		kid := 0
		flood := func(n int) {
			for range n {
				kid++
				_, _ = b.issuer.Key(b.ctx, fmt.Sprint("junk-", kid), "EdDSA")
			}
		}
		flood(10_000)
		b.pass(2 * time.Second)
		b.keys.publish(t, edJWK("a", newEd(t)), edJWK("rotated", newEd(t)))
		rotated := time.Now()
		for {
			flood(1000)
			_, err := b.issuer.Key(b.ctx, "rotated", "EdDSA")
			if err == nil {
				break
			}
			if !errors.Is(err, issuer.ErrKeyPending) {
				t.Fatalf("the rotated key was refused: %v", err)
			}
			b.pass(100 * time.Millisecond)
		}
		if took := time.Since(rotated); took > cooldown {
			t.Errorf("it took %s", took)
		}
		if n := b.issuer.Stats().UnknownKIDs; n > 4096 {
			t.Errorf("%d unknown kids are remembered", n)
		}
	})
}

// A client can guess a kid before its key is published. That delays the key by at
// most the cooldown.
func TestKIDThatWasGuessedBeforeItsKey(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.want("next", issuer.ErrKeyUnknown)
		b.keys.publish(t, edJWK("a", newEd(t)), edJWK("next", newEd(t)))
		b.want("next", issuer.ErrKeyUnknown) // no second fetch within the cooldown
		b.fetches(2, 2)
		b.pass(5 * time.Second)
		b.want("next", nil)
		b.fetches(3, 3)
	})
}

// Tokens with a kid that is never published cause one fetch per cooldown. They leave
// the burst to new kids.
func TestRetiredKIDLeavesTheBurst(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		for range 600 {
			b.want("retired", issuer.ErrKeyUnknown)
			b.pass(100 * time.Millisecond)
		}
		b.fetches(1+10, 1+13)
		b.want("new", issuer.ErrKeyUnknown) // not pending, since the budget was not empty
	})
}

func TestRefreshBringsAKIDThatIsKnownToBeUnknown(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.want("b", issuer.ErrKeyUnknown)
		b.keys.publish(t, edJWK("b", newEd(t)))
		b.pass(15 * time.Minute)
		fetches := b.keys.fetches()
		b.want("b", nil)
		b.fetches(fetches, fetches)
	})
}

// A failed fetch proves nothing about any kid: it is not charged, and the kid stays
// pending. Requests do not repeat it at once.
func TestFailedFetchSaysNothingOfAKID(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.keys.status(http.StatusInternalServerError)
		for range 100 { // ten seconds
			b.want("b", issuer.ErrKeyPending)
			b.want("a", nil)
			b.pass(100 * time.Millisecond)
		}
		b.fetches(3, 7)
		b.keys.publish(t, edJWK("b", newEd(t)))
		recovered := time.Now()
		for {
			if _, err := b.issuer.Key(b.ctx, "b", "EdDSA"); err == nil {
				break
			}
			b.pass(100 * time.Millisecond)
		}
		if took := time.Since(recovered); took > 6*time.Second {
			t.Errorf("the recovery was noticed after %s", took)
		}
		// Only the fetch that succeeded was charged to the burst.
		for n := range 2 {
			b.want(fmt.Sprint(n), issuer.ErrKeyUnknown)
		}
	})
}

// A failed fetch is refunded, so that an outage does not delay the fetches for
// unknown kids after it.
func TestFailedFetchIsRefunded(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, func(cfg *config.Issuer, _ *server) {
		cfg.JWKS.UnknownKIDCooldown = time.Hour // no token is added during the test
	}, func(b *bubble) {
		b.keys.status(http.StatusInternalServerError)
		b.want("b", issuer.ErrKeyPending)
		b.keys.publish(t, edJWK("a", newEd(t)))
		b.pass(time.Second) // the first attempt of the back-off
		for n := range 3 {
			b.want(fmt.Sprint(n), issuer.ErrKeyUnknown)
		}
		b.want("beyond the burst", issuer.ErrKeyPending)
	})
}

// During an outage of an hour, a flood does not cause one fetch per cooldown.
func TestFloodCannotDefeatTheBackOff(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, func(cfg *config.Issuer, _ *server) {
		cfg.JWKS.UnknownKIDCooldown = time.Second
	}, func(b *bubble) {
		b.keys.status(http.StatusServiceUnavailable)
		for n := range 3600 {
			_, _ = b.issuer.Key(b.ctx, fmt.Sprint(n), "EdDSA")
			b.pass(time.Second)
		}
		b.fetches(60, 120)
		for _, gap := range b.gaps(40) {
			if gap < 40*time.Second || gap > time.Minute {
				t.Errorf("late in the outage, two fetches are %s apart", gap)
			}
		}
	})
}
