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
	// maxWaiting is how many requests may wait at once; further requests do not
	// wait.
	maxWaiting = 1024
)

// unknownKIDs remembers for each unknown kid how many fetches had begun when the
// kid was first seen. It stores hashes, so that a long kid needs no more memory
// than a short one, and two generations, so that it discards old kids in constant
// time. A kid that was discarded counts as not seen before.
type unknownKIDs struct {
	seed          maphash.Seed // secret, so that clients cannot construct collisions
	recent, older map[uint64]uint64
}

// firstSeen returns how many fetches had begun when kid was first seen. If kid is
// not remembered, that is now: firstSeen stores begun for it.
func (u *unknownKIDs) firstSeen(kid string, begun uint64) uint64 {
	hash := maphash.String(u.seed, kid)
	first, ok := u.recent[hash]
	if ok {
		return first
	}
	if first, ok = u.older[hash]; !ok {
		first = begun
	}
	if u.recent == nil || len(u.recent) >= maxUnknown/2 {
		u.older, u.recent = u.recent, make(map[uint64]uint64)
	}
	u.recent[hash] = first
	return first
}

// len returns how many kids are remembered; one in both generations counts twice.
func (u *unknownKIDs) len() int { return len(u.recent) + len(u.older) }

// await requests a fetch for an unknown kid and waits for it if it is in flight or
// begins now. It does not wait while the budget or a back-off delays the fetch.
func (r *refresher) await(ctx context.Context, kid, alg string) (*key, keyError) {
	var timeout <-chan time.Time
	for {
		found, missing, done := r.findOrRequest(kid, alg, timeout != nil)
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
		r.stopWaiting()
		return nil, missing
	}
}

// findOrRequest finds the key under mu, so that no new set is published in
// between. If the key is missing, it requests a fetch. missing is the error for
// the present; a non-nil done is closed when the caller should try again.
func (r *refresher) findOrRequest(kid, alg string, waiting bool) (found *key, missing keyError, done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if waiting {
		r.waiting--
	}
	now := r.now()
	if found, missing = r.find(kid, alg, now); !missing.fetchable() {
		return found, missing, nil
	}
	wanted := r.requestFetch(&missing, now)
	wait := r.untilFetch(now)
	if wanted && wait == 0 && r.waiting < maxWaiting {
		done = r.done
		r.waiting++
	}
	if missing.kind != ErrKeyUnknown {
		missing.retry = min(max(wait, time.Second), 30*time.Second)
		r.adviseOutage(&missing, now)
	}
	return nil, missing, done
}

// requestFetch requests the fetch that a missing key needs, and reports whether
// there will be one. It changes ErrKeyUnknown to ErrKeyPending if no fetch that
// began after the kid was first seen has succeeded. The caller holds mu.
func (r *refresher) requestFetch(missing *keyError, now time.Time) bool {
	coming := r.inFlight
	if missing.kind == ErrKeyUnknown {
		r.report.missed(missing.kid)
		first := r.unknown.firstSeen(missing.kid, r.begun)
		switch {
		case r.answered <= first:
			missing.kind = ErrKeyPending
			// If a fetch was already in flight when the kid was first seen, the
			// issuer may have answered it before it published the key.
			coming = r.inFlight && r.begun > first
		case now.Sub(r.lastGood) < r.cfg.UnknownKIDCooldown:
			return false
		}
		// After the cooldown, fetch even for a kid that an earlier response
		// lacked: a client may have guessed the kid of a key that the issuer
		// published later.
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

// stopWaiting records that a request no longer waits.
func (r *refresher) stopWaiting() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting--
}

// waitFor returns how long a request may wait: at most maxWait, and at most half
// of the time until ctx's deadline, so that there is time left to respond.
func waitFor(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxWait
	}
	return min(maxWait, max(time.Until(deadline)/2, 0))
}
