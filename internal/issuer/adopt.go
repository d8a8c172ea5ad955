package issuer

import (
	"maps"
	"slices"
	"time"
)

const (
	// recentUse is how lately a key must have verified a token for its loss to
	// be confirmed.
	recentUse = time.Minute
	// usageGrain is how exactly the last use of a key is known.
	usageGrain = time.Second
)

// outcome is what came of one fetch.
type outcome struct {
	number  uint64
	began   time.Time
	charged bool
	answer  answer
	set     *keySet // nil: the held keys stand, or err
	err     *fetchError
}

// settle takes in what a fetch brought, lets those who wait for it look again,
// and tells the sets if the issuer's health changed.
func (r *refresher) settle(o outcome) {
	r.mu.Lock()
	now := r.now()
	healthyBefore := r.healthyLocked()
	r.inFlight, r.tried = false, true
	if o.err != nil {
		r.schedule.failed(now, o.err, o.charged)
		r.noteFailure(o.err, now)
	} else {
		r.accept(o, now)
	}
	r.age(now)
	close(r.done)
	r.done = make(chan struct{})
	var tell []*Set
	if r.healthyLocked() != healthyBefore {
		tell = slices.Collect(maps.Keys(r.holders))
	}
	r.mu.Unlock()

	for _, set := range tell {
		set.broadcast()
	}
	r.log()
}

// accept makes a good answer the issuer's keys.
func (r *refresher) accept(o outcome, now time.Time) {
	r.answered, r.lastGood = o.number, o.began
	r.noteSuccess(o, now)
	r.schedule.succeeded(now, o.answer, r.cfg.RefreshInterval)
	r.held = o.answer.validator
	next := o.set
	if next == nil {
		clone := *r.current.Load()
		next = &clone
		next.expired = false
	}
	next.fetched = o.began
	r.publish(next, now)
}

// publish makes next the trusted keys. It carries over the usage of kids that
// stay, and the keys that may not go yet.
func (r *refresher) publish(next *keySet, now time.Time) {
	old := r.current.Load()
	if old == nil {
		old = newKeySet(nil, nil)
	}
	next.carryUsage(old)
	for _, one := range r.mayNotGo(old, next, now) {
		next.hold(one)
	}
	next.epoch = old.epoch
	if !next.keeps(old) {
		next.epoch++
	}
	r.schedule.confirmAt = time.Time{}
	if first, ok := next.firstMissed(); ok {
		r.schedule.confirmAt = later(first.Add(confirmDelay), now)
	}
	r.current.Store(next)
	r.noteKeys(old, next, now)
}

// mayNotGo returns the keys of old, with the time when they were first missed,
// that were in use within the last minute and whose kid next's answer lacks:
// they are trusted until an answer asked for confirmDelay later lacks them too,
// since a stale edge of the issuer's CDN must not refuse proper users. A kid
// that the answer has with another key, or as unusable, is the issuer's word
// and holds at once.
func (r *refresher) mayNotGo(old, next *keySet, now time.Time) []missedKey {
	var held []missedKey
	for _, one := range old.keys {
		if next.mentions(one.kid) {
			continue
		}
		since, before := old.leaving[one.kid]
		switch {
		case before && next.fetched.Sub(since) < confirmDelay:
			held = append(held, missedKey{one, since})
		case !before && r.sinceUse(one.usage, now) <= recentUse+usageGrain:
			held = append(held, missedKey{one, next.fetched})
		}
	}
	return held
}

// leaving returns the kids that are to be confirmed.
func (r *refresher) leaving() map[string]time.Time {
	if s := r.current.Load(); s != nil {
		return s.leaving
	}
	return nil
}
