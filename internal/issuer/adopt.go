package issuer

import (
	"maps"
	"slices"
	"time"
)

const (
	// recentUse is how long after its last use a key still counts as in use, so
	// that its removal has to be confirmed.
	recentUse = time.Minute
	// usageGrain is the precision of the last use of a key.
	usageGrain = time.Second
)

// outcome is the outcome of one fetch.
type outcome struct {
	number  uint64
	began   time.Time
	charged bool
	answer  answer
	set     *keySet // nil: the keys were not modified, or err
	err     *fetchError
}

// settle applies the outcome of a fetch, wakes the requests that wait for it, and
// notifies the sets if the issuer's health changed.
func (r *refresher) settle(o outcome) {
	r.mu.Lock()
	now := r.now()
	before := r.health()
	r.inFlight = false
	r.tried.Store(true)
	if o.err != nil {
		r.schedule.failed(now, o.err, o.charged)
		r.recordFailure(o.err, now)
	} else {
		r.accept(o, now)
	}
	r.expire(now)
	close(r.done)
	r.done = make(chan struct{})
	var notify []*Set
	if r.health() != before {
		notify = slices.Collect(maps.Keys(r.owners))
	}
	r.mu.Unlock()

	for _, set := range notify {
		set.broadcast()
	}
	r.log()
}

// accept publishes the keys of a good response.
func (r *refresher) accept(o outcome, now time.Time) {
	r.recordSuccess(o, now)
	r.schedule.succeeded(now, o.answer, r.cfg.RefreshInterval)
	r.held = o.answer.validator
	next := o.set
	if next == nil {
		clone := *r.current.Load()
		if o.answer.fallback && r.lent != nil {
			clone = *r.lent
		}
		next = &clone
		next.expired = false
	}
	next.fetched, next.fallback = o.began, o.answer.fallback
	r.lent = nil
	if old := r.current.Load(); next.fallback && old != nil && !old.fallback && !r.stale(old, now) {
		r.lent = next
		next = old.borrowing(next)
	}
	r.publish(next, o.began, now)
	if r.lent == nil {
		r.answered, r.lastGood = o.number, o.began
	} else if !r.schedule.confirmAt.IsZero() { // a fallback confirms nothing, so this fetch would be due again
		r.schedule.confirmAt = later(r.schedule.confirmAt, now.Add(confirmDelay))
	}
}

// stale reports whether keys are past max_stale.
func (r *refresher) stale(s *keySet, now time.Time) bool { return now.Sub(s.fetched) > r.cfg.MaxStale }

// publish makes next the trusted keys. It carries over the usage of the kids that
// remain, and the keys whose removal is not confirmed yet. began is when the fetch began
// that next is the answer of.
func (r *refresher) publish(next *keySet, began, now time.Time) {
	old := r.current.Load()
	if old == nil {
		old = newKeySet(nil, nil)
	}
	next.carryUsage(old)
	next = next.carryHeld(old)
	for _, one := range r.unconfirmed(old, next, began, now) {
		next.retain(one)
		if old.borrowed[one.kid] {
			next.borrowed[one.kid] = true
		}
	}
	next.epoch = old.epoch
	if !next.includes(old) {
		next.epoch++
	}
	r.schedule.confirmAt = time.Time{}
	if first, ok := next.firstMissed(); ok {
		r.schedule.confirmAt = later(first.Add(confirmDelay), now)
	}
	r.current.Store(next)
	// The epoch changes for tokens without a kid only if there are any: each new key makes
	// them ambiguous, and tokens with a kid should stay in the cache then. A lookup sets
	// bare before it loads the set. So it is seen here, or the lookup sees next.
	if r.bare.Load() && next.epoch == old.epoch && !next.includesSole(old) {
		clone := *next
		clone.epoch++
		next = &clone
		r.current.Store(next)
	}
	r.recordKeys(old, next, now)
}

// unconfirmed returns the keys of old that were used within the last minute and
// whose kid next lacks, with the time when they were first missed. They are trusted
// until a second response, requested confirmDelay later, lacks them too. Otherwise
// one stale server of the issuer's CDN would cause valid tokens to be denied. If
// next has the kid with another key, or with an unusable one, that applies at once.
func (r *refresher) unconfirmed(old, next *keySet, began, now time.Time) []missedKey {
	if r.stale(old, now) {
		return nil
	}
	var held []missedKey
	for _, one := range old.keys {
		if next.mentions(one.kid) {
			continue
		}
		since, before := old.leaving[one.kid]
		switch {
		case before && began.Sub(since) < confirmDelay:
			held = append(held, missedKey{one, since})
		case !before && r.sinceUse(one.usage, now) <= recentUse+usageGrain:
			held = append(held, missedKey{one, began})
		}
	}
	return held
}
