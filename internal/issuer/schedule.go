package issuer

import (
	"math/rand/v2"
	"time"
)

const (
	// burst is how many fetches unknown kids may cause at once.
	burst = 3
	// minFresh is the shortest refresh interval that Cache-Control can set.
	minFresh = time.Minute
	// The bounds of the back-off after failures.
	minBackoff = time.Second
	maxBackoff = time.Minute
	// confirmDelay is the time from the first response that lacks a key to the
	// fetch that confirms its removal.
	confirmDelay = 3 * time.Second
	// confirmLimit is how long such a key is trusted at most while that fetch
	// keeps failing, since the issuer's last response lacked the key.
	confirmLimit = time.Minute
	// never is far enough ahead that no timer waits for it.
	never = 365 * 24 * time.Hour
)

// budget is a token bucket for the fetches that unknown kids cause: a burst of 3,
// then one per cooldown.
type budget struct {
	cooldown time.Duration
	level    int
	since    time.Time // when level was last exact; the next token is added a cooldown later
}

func newBudget(cooldown time.Duration, now time.Time) budget {
	return budget{cooldown: cooldown, level: burst, since: now}
}

// fill adds the tokens that have come due.
func (b *budget) fill(now time.Time) {
	due := int(min(max(now.Sub(b.since)/b.cooldown, 0), burst))
	b.level += due
	b.since = b.since.Add(time.Duration(due) * b.cooldown)
	if b.level >= burst {
		b.level, b.since = burst, now
	}
}

// ready returns when the next fetch may begin.
func (b *budget) ready(now time.Time) time.Time {
	if b.fill(now); b.level > 0 {
		return now
	}
	return b.since.Add(b.cooldown)
}

func (b *budget) take(now time.Time) {
	b.fill(now)
	b.level--
}

// refund returns the token of a fetch that failed, since such a fetch proves
// nothing about any kid.
func (b *budget) refund() { b.level = min(b.level+1, burst) }

// schedule determines when the keys of an issuer are fetched. The refresher's mu
// guards it.
type schedule struct {
	refreshAt time.Time // the next scheduled fetch
	confirmAt time.Time // the next fetch to confirm that leaving keys are gone; zero: none
	notBefore time.Time // from the issuer's Retry-After
	budget    budget

	wanted  bool      // an unknown kid needs a fetch
	wantMin time.Time // while fetches fail: the earliest one for an unknown kid

	failures     int // in a row
	failingSince time.Time
}

// due returns when the next fetch begins.
func (s *schedule) due(now time.Time) time.Time {
	at := s.refreshAt
	if s.wanted {
		at = earlier(at, later(s.budget.ready(now), s.wantMin))
	}
	if !s.confirmAt.IsZero() {
		at = earlier(at, s.confirmAt)
	}
	return later(at, s.notBefore)
}

// begin records that a fetch begins now. It reports whether the fetch is charged
// to the budget, which it is if only an unknown kid caused it.
func (s *schedule) begin(now time.Time) (charged bool) {
	scheduled := !s.refreshAt.After(now) || !s.confirmAt.IsZero() && !s.confirmAt.After(now)
	charged = s.wanted && !scheduled
	if charged {
		s.budget.take(now)
	}
	s.wanted = false
	return charged
}

// succeeded plans the next fetch after a good response. Cache-Control may shorten
// the interval, but not below minFresh.
func (s *schedule) succeeded(now time.Time, got answer, interval time.Duration) {
	if got.bounded {
		interval = min(max(got.fresh, minFresh), interval)
	}
	s.failures, s.failingSince, s.wantMin, s.notBefore = 0, time.Time{}, time.Time{}, time.Time{}
	s.refreshAt = now.Add(jitter(interval, 10))
}

// failed plans the next attempt. The back-off doubles from a second to a minute.
// An unknown kid may cause an earlier attempt, after the cooldown or a quarter of
// the outage's duration so far, whichever is longer: a long outage must not cause
// one attempt per cooldown.
func (s *schedule) failed(now time.Time, err *fetchError, charged bool) {
	if charged {
		s.budget.refund()
	}
	if s.failures++; s.failures == 1 {
		s.failingSince = now
	}
	backoff := maxBackoff
	if s.failures <= 6 {
		backoff = min(minBackoff<<(s.failures-1), maxBackoff)
	}
	s.refreshAt = now.Add(jitter(backoff, 25))
	s.wantMin = now.Add(max(s.budget.cooldown, jitter(min(now.Sub(s.failingSince)/4, maxBackoff), 25)))
	s.notBefore = now.Add(min(err.wait, maxBackoff))
	if !s.confirmAt.IsZero() {
		s.confirmAt = s.refreshAt
	}
}

// jitter reduces d by a random amount of up to percent, so that replicas that
// started together do not fetch at the same times.
func jitter(d time.Duration, percent int64) time.Duration {
	span := int64(d) / 100 * percent
	if span <= 0 {
		return d
	}
	return d - time.Duration(rand.Int64N(span+1))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
