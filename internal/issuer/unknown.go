package issuer

import (
	"context"
	"hash/maphash"
	"time"
)

const (
	// maxUnknown is how many unknown kids are remembered.
	maxUnknown = 4096
	// maxWait is how long a request waits for a fetch at most.
	maxWait = 200 * time.Millisecond
	// maxWaiting is how many requests wait at once; the others are answered
	// as if they had waited in vain.
	maxWaiting = 1024
)

// unknownKIDs remembers for each unknown kid how many fetches had begun when
// it was first seen. It holds hashes, so a long kid costs no more than a short
// one, and two generations, so that a flood pushes old kids out at no cost. A
// kid that was pushed out is merely seen for the first time again.
type unknownKIDs struct {
	seed        maphash.Seed // secret, so that nobody can make two kids collide
	young, aged map[uint64]uint64
}

func newUnknownKIDs() unknownKIDs { return unknownKIDs{seed: maphash.MakeSeed()} }

// seen returns how many fetches had begun when kid was first seen, which is
// now unless it is remembered.
func (u *unknownKIDs) seen(kid string, begun uint64) uint64 {
	hash := maphash.String(u.seed, kid)
	first, ok := u.young[hash]
	if ok {
		return first
	}
	if first, ok = u.aged[hash]; !ok {
		first = begun
	}
	if u.young == nil || len(u.young) >= maxUnknown/2 {
		u.aged, u.young = u.young, make(map[uint64]uint64)
	}
	u.young[hash] = first
	return first
}

// len is how many kids are remembered; one in both generations counts twice.
func (u *unknownKIDs) len() int { return len(u.young) + len(u.aged) }

// await sees to it that a fetch is made for a kid that is not held, and waits
// for it if it is under way or about to begin. It never waits for the budget or
// for a back-off.
func (r *refresher) await(ctx context.Context, kid, alg string) (*key, keyError) {
	var timeout <-chan time.Time
	for {
		found, missing, done := r.miss(kid, alg, timeout != nil)
		if done == nil {
			return found, missing
		}
		if timeout == nil {
			timer := time.NewTimer(waitFor(ctx))
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-done:
			continue
		case <-timeout:
		case <-ctx.Done():
		}
		r.leave()
		return nil, missing
	}
}

// miss looks the key up again under the lock, under which no new set can slip
// in. If there is none, missing says what is known of the kid by now, and a
// done that is not nil closes when more may be known.
func (r *refresher) miss(kid, alg string, waiting bool) (found *key, missing keyError, done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if waiting {
		r.waiting--
	}
	now := r.now()
	if found, missing = r.find(kid, alg, now); !missing.fetchable() {
		return found, missing, nil
	}
	wanted := r.want(&missing, now)
	wait := r.untilFetch(now)
	if wanted && wait == 0 && r.waiting < maxWaiting {
		done = r.done
		r.waiting++
	}
	if missing.kind != ErrKeyUnknown {
		missing.retry = min(max(wait, time.Second), 30*time.Second)
	}
	return nil, missing, done
}

// want asks for the fetch that a missing key needs, and reports whether there
// will be one. It turns an unknown kid into a pending one if no fetch has
// answered since the kid was first seen. The caller holds mu.
func (r *refresher) want(missing *keyError, now time.Time) bool {
	coming := r.inFlight
	if missing.kind == ErrKeyUnknown {
		r.report.missed(missing.kid)
		first := r.unknown.seen(missing.kid, r.begun)
		switch {
		case r.answered <= first:
			missing.kind = ErrKeyPending
			// A fetch that was in flight already when the kid was first seen
			// may have been answered before the key was published.
			coming = r.inFlight && r.begun > first
		case now.Sub(r.lastGood) < r.cfg.UnknownKIDCooldown:
			return false
		}
		// Beyond the cooldown even a kid that is known to be unknown is asked
		// about again: it may have been a guess at a key that is published
		// only now.
	}
	if r.phase != running {
		return false
	}
	if !coming && !r.schedule.wanted {
		r.schedule.wanted = true
		r.wake()
	}
	return true
}

// leave is what a request does that has waited in vain.
func (r *refresher) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting--
}

// waitFor is how long a request may wait: at most maxWait, and at most half of
// the time that its caller has left, so that there is time to answer.
func waitFor(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxWait
	}
	return min(maxWait, max(time.Until(deadline)/2, 0))
}
