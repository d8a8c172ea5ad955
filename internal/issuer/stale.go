package issuer

import (
	"log/slog"
	"time"
)

// expire applies the changes that time alone causes: it removes leaving keys that
// no response confirmed in time, stops trusting keys past max_stale, and logs keys
// that are past half of it. The caller holds mu.
func (r *refresher) expire(now time.Time) {
	s := r.current.Load()
	if s == nil {
		return
	}
	if overdue := s.overdue(now); len(overdue) > 0 {
		old := s
		s = s.without(overdue)
		r.schedule.confirmAt = time.Time{}
		if first, ok := s.firstMissed(); ok {
			r.schedule.confirmAt = later(first.Add(confirmDelay), r.schedule.refreshAt)
		}
		r.current.Store(s)
		r.recordKeys(old, s, now)
	}
	old := now.Sub(s.fetched)
	if r.lent != nil && r.stale(s, now) {
		lent := r.lent
		r.lent, r.report.warned = nil, false
		r.logLater(slog.LevelError, "keys are past max_stale; the keys of the fallback replace them", "age", old.Round(time.Second))
		r.publish(lent, lent.fetched, now)
		return
	}
	if old > r.cfg.MaxStale && !s.expired {
		clone := *s
		clone.expired = true
		clone.epoch++
		r.current.Store(&clone)
		r.logLater(slog.LevelError, "keys are past max_stale and no longer trusted", "age", old.Round(time.Second), "max_stale", r.cfg.MaxStale)
		return
	}
	if old >= r.cfg.MaxStale/2 && !s.expired && !r.report.warned {
		r.report.warned = true
		r.logLater(slog.LevelWarn, "keys are becoming stale", "age", old.Round(time.Second), "max_stale", r.cfg.MaxStale)
	}
}

// overdue returns the leaving kids that have been missing for confirmLimit.
func (s *keySet) overdue(now time.Time) []string {
	var kids []string
	for kid, since := range s.leaving {
		if now.Sub(since) >= confirmLimit {
			kids = append(kids, kid)
		}
	}
	return kids
}

// nextExpiry returns when expire next has something to do. The caller holds mu.
func (r *refresher) nextExpiry(now time.Time) time.Time {
	at := now.Add(never)
	s := r.current.Load()
	if s == nil {
		return at
	}
	if first, ok := s.firstMissed(); ok {
		at = earlier(at, first.Add(confirmLimit))
	}
	if !s.expired {
		at = earlier(at, s.fetched.Add(r.cfg.MaxStale+time.Nanosecond))
		if !r.report.warned {
			at = earlier(at, s.fetched.Add(r.cfg.MaxStale/2))
		}
	}
	return at
}
