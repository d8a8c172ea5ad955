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
func (k *keeper) settle(o outcome) {
	k.mu.Lock()
	now := k.now()
	healthyBefore := k.healthyLocked()
	k.inFlight, k.tried = false, true
	if o.err != nil {
		k.schedule.failed(now, o.err, o.charged)
		k.noteFailure(o.err, now)
	} else {
		k.accept(o, now)
	}
	k.age(now)
	close(k.done)
	k.done = make(chan struct{})
	var tell []*Set
	if k.healthyLocked() != healthyBefore {
		tell = slices.Collect(maps.Keys(k.holders))
	}
	k.mu.Unlock()

	for _, set := range tell {
		set.broadcast()
	}
	k.log()
}

// accept makes a good answer the issuer's keys.
func (k *keeper) accept(o outcome, now time.Time) {
	k.answered, k.lastGood = o.number, o.began
	k.noteSuccess(o, now)
	k.schedule.succeeded(now, o.answer, k.cfg.RefreshInterval)
	k.held = o.answer.validator
	next := o.set
	if next == nil {
		clone := *k.current.Load()
		next = &clone
		next.expired = false
	}
	next.fetched = o.began
	k.publish(next, now)
}

// publish makes next the trusted keys. It carries over the usage of kids that
// stay, and the keys that may not go yet.
func (k *keeper) publish(next *keySet, now time.Time) {
	old := k.current.Load()
	if old == nil {
		old = newKeySet(nil, nil)
	}
	next.carryUsage(old)
	for _, one := range k.mayNotGo(old, next, now) {
		next.hold(one)
	}
	next.epoch = old.epoch
	if !next.keeps(old) {
		next.epoch++
	}
	k.schedule.confirmAt = time.Time{}
	if first, ok := next.firstMissed(); ok {
		k.schedule.confirmAt = later(first.Add(confirmDelay), now)
	}
	k.current.Store(next)
	k.noteKeys(old, next, now)
}

// mayNotGo returns the keys of old, with the time when they were first missed,
// that were in use within the last minute and whose kid next's answer lacks:
// they are trusted until an answer asked for confirmDelay later lacks them too,
// since a stale edge of the issuer's CDN must not refuse proper users. A kid
// that the answer has with another key, or as unusable, is the issuer's word
// and holds at once.
func (k *keeper) mayNotGo(old, next *keySet, now time.Time) []missedKey {
	var held []missedKey
	for _, one := range old.keys {
		if next.mentions(one.kid) {
			continue
		}
		since, before := old.leaving[one.kid]
		switch {
		case before && next.fetched.Sub(since) < confirmDelay:
			held = append(held, missedKey{one, since})
		case !before && k.sinceUse(one.usage, now) <= recentUse+usageGrain:
			held = append(held, missedKey{one, next.fetched})
		}
	}
	return held
}

// leaving returns the kids that are to be confirmed.
func (k *keeper) leaving() map[string]time.Time {
	if s := k.current.Load(); s != nil {
		return s.leaving
	}
	return nil
}
