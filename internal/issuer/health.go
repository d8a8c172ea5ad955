package issuer

// health is what a set's health is made of.
type health struct{ keys, tried bool }

// healthyLocked is the refresher's part in its sets' health. The caller holds mu.
func (r *refresher) healthyLocked() health {
	return health{keys: r.current.Load() != nil, tried: r.tried}
}

func (r *refresher) health() health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.healthyLocked()
}

// Healthy reports whether every issuer has keys or has failed a first fetch.
// Once true it stays true: an issuer's outage later does not change it.
func (s *Set) Healthy() bool {
	for _, i := range s.issuers {
		if h := i.keys.health(); !h.keys && !h.tried {
			return false
		}
	}
	return true
}

// Ready reports whether at least one issuer has keys, or there are no issuers.
// Once true it stays true: keys past max_stale count as keys.
func (s *Set) Ready() bool {
	for _, i := range s.issuers {
		if i.keys.current.Load() != nil {
			return true
		}
	}
	return len(s.issuers) == 0
}

// Changed returns a channel that is closed at the next change in what Healthy
// and Ready are made of. Take it before asking them:
//
//	for changed := set.Changed(); !set.Healthy(); changed = set.Changed() {
//		<-changed
//	}
func (s *Set) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Set) broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}
