package issuer

import (
	"log/slog"
	"time"
)

// age notes what time alone has changed: keys that grow stale or went stale,
// and leaving keys that no answer has confirmed in time. The caller holds mu.
func (k *keeper) age(now time.Time) {
	s := k.current.Load()
	if s == nil {
		return
	}
	if overdue := s.overdue(now); len(overdue) > 0 {
		old := s
		s = s.without(overdue)
		k.schedule.confirmAt = time.Time{}
		if first, ok := s.firstMissed(); ok {
			k.schedule.confirmAt = later(first.Add(confirmDelay), k.schedule.refreshAt)
		}
		k.current.Store(s)
		k.noteKeys(old, s, now)
	}
	old := now.Sub(s.fetched)
	if old > k.cfg.MaxStale && !s.expired {
		clone := *s
		clone.expired = true
		clone.epoch++
		k.current.Store(&clone)
		k.say(slog.LevelError, "keys are past max_stale and trusted no longer", "age", old.Round(time.Second), "max_stale", k.cfg.MaxStale)
		return
	}
	if old >= k.cfg.MaxStale/2 && !s.expired && !k.report.warned {
		k.report.warned = true
		k.say(slog.LevelWarn, "keys are growing stale", "age", old.Round(time.Second), "max_stale", k.cfg.MaxStale)
	}
}

// overdue returns the leaving kids that have waited for an answer too long.
func (s *keySet) overdue(now time.Time) []string {
	var kids []string
	for kid, since := range s.leaving {
		if now.Sub(since) >= confirmLimit {
			kids = append(kids, kid)
		}
	}
	return kids
}

// nextAge is when age has something to note next. The caller holds mu.
func (k *keeper) nextAge(now time.Time) time.Time {
	at := now.Add(never)
	s := k.current.Load()
	if s == nil {
		return at
	}
	if first, ok := s.firstMissed(); ok {
		at = earlier(at, first.Add(confirmLimit))
	}
	if !s.expired {
		at = earlier(at, s.fetched.Add(k.cfg.MaxStale+time.Nanosecond))
		if !k.report.warned {
			at = earlier(at, s.fetched.Add(k.cfg.MaxStale/2))
		}
	}
	return at
}
