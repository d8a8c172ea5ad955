package issuer

import (
	"math/rand/v2"
	"time"
)

const (
	// burst is how many fetches unknown kids may cause at once.
	burst = 3
	// minFresh is the least time that Cache-Control can ask for.
	minFresh = time.Minute
	// The bounds of the back-off after failures.
	minBackoff = time.Second
	maxBackoff = time.Minute
	// confirmDelay is how long after a key was first missed the fetch comes
	// that confirms it.
	confirmDelay = 3 * time.Second
	// confirmLimit is how long a missed key is trusted at most when that fetch
	// keeps failing: the issuer's last word was that the key is gone.
	confirmLimit = time.Minute
	// never is far enough ahead that no timer waits for it.
	never = 365 * 24 * time.Hour
)

// budget is a token bucket: one fetch for unknown kids per cooldown, after a
// burst of 3.
type budget struct {
	cooldown time.Duration
	level    int
	since    time.Time // when level was last exact; the next token comes a cooldown later
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

// ready is when the next fetch may begin.
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

// giveBack returns the token of a fetch that failed: it has said nothing about
// any kid.
func (b *budget) giveBack() { b.level = min(b.level+1, burst) }

// schedule is when an issuer is fetched. The refresher's mu guards it.
type schedule struct {
	refreshAt time.Time // the next fetch, whoever asks or not
	confirmAt time.Time // the next fetch for the sake of leaving keys; zero: none
	notBefore time.Time // the issuer asked for this (Retry-After)
	budget    budget

	wanted  bool      // an unknown kid asks for a fetch
	wantMin time.Time // while fetches fail: the earliest one for an unknown kid

	failures     int // in a row
	failingSince time.Time
}

// due is when the next fetch begins.
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

// begin notes that a fetch begins now, and reports whether it is charged to
// the unknown kids' budget: it is if nothing else would have caused it.
func (s *schedule) begin(now time.Time) (charged bool) {
	scheduled := !s.refreshAt.After(now) || !s.confirmAt.IsZero() && !s.confirmAt.After(now)
	charged = s.wanted && !scheduled
	if charged {
		s.budget.take(now)
	}
	s.wanted = false
	return charged
}

// succeeded plans the next fetch within the bounds that the answer may set.
func (s *schedule) succeeded(now time.Time, got answer, interval time.Duration) {
	if got.bounded {
		interval = min(max(got.fresh, minFresh), interval)
	}
	s.failures, s.failingSince, s.wantMin, s.notBefore = 0, time.Time{}, time.Time{}, time.Time{}
	s.refreshAt = now.Add(jitter(interval, 10))
}

// failed plans the next attempt: the back-off doubles from a second to a
// minute. A request that misses a key may bring it forward, but by no more
// than to a quarter of the time that the outage has lasted, so that an outage
// of minutes is not met by an attempt per cooldown.
func (s *schedule) failed(now time.Time, err *fetchError, charged bool) {
	if charged {
		s.budget.giveBack()
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

// jitter takes up to percent off d at random, so that replicas that were
// started together do not fetch together.
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
