package issuer

// health is the state of one refresher that its sets' health depends on.
type health struct{ keys, tried bool }

func (r *refresher) health() health {
	return health{keys: r.current.Load() != nil, tried: r.tried.Load()}
}

// Healthy reports whether every issuer has keys or a failed first fetch. Once true
// it stays true: a later outage of an issuer does not change it.
func (s *Set) Healthy() bool {
	for _, i := range s.issuers {
		if h := i.keys.health(); !h.keys && !h.tried {
			return false
		}
	}
	return true
}

// Ready reports whether at least one issuer has keys, or the set has no issuers.
// Once true it stays true: keys past max_stale count as keys.
func (s *Set) Ready() bool {
	for _, i := range s.issuers {
		if i.keys.current.Load() != nil {
			return true
		}
	}
	return len(s.issuers) == 0
}

// Changed returns a channel that is closed when the result of Healthy or Ready may
// have changed. Call it before Healthy and Ready:
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
