package issuer

import (
	"maps"
	"time"
)

// Stats is what operators see of one issuer, at one moment. Values that came
// from outside are cut to 64 bytes.
type Stats struct {
	Issuer string   // its name in the config
	ISS    []string // the iss values it signs as
	Source string   // where its keys come from, without a query

	HasKeys bool          // there are keys, stale or not
	Stale   bool          // they are past max_stale and not trusted
	Age     time.Duration // since the fetch that the keys come from, or that confirmed them, began; 0 without keys
	Keys    []KeyStats    // in the order they were published
	Skipped []Skipped     // published keys that are not used

	NextFetch   time.Duration     // until the next fetch; 0 while one is in flight
	Fetching    bool              // a fetch is in flight
	Fetches     map[string]uint64 // :: Fetch constant -> how many since start, every constant present
	Failures    int               // failed fetches in a row
	LastError   string            // of the last fetch that failed, also when later ones succeeded; empty: none
	LastErrorAt time.Time
	CacheError  string // why the keys are not kept in cache_dir; empty: they are, or it is not configured

	UnknownKIDs    int         // unknown kids remembered
	WithdrawnInUse uint64      // keys withdrawn while in use, since start
	Withdrawn      []Withdrawn // the last 16 of them that did not come back
}

// KeyStats is one trusted key.
type KeyStats struct {
	KID, KTY string
	ALG      string   // as published; empty: not said
	Algs     []string // what it may verify
	Tokens   uint64   // signatures that held, of all keys with this kid
	LastUsed time.Time
	Leaving  bool // missing from the issuer's last answer, not confirmed yet
}

// Withdrawn is a key that left the set while tokens were signed with it.
type Withdrawn struct {
	KID         string
	At          time.Time
	Tokens      uint64 // that it had verified
	TokensSince uint64 // that still came with its kid
}

// Stats returns the state of every issuer, in the order of the config.
func (s *Set) Stats() []Stats {
	all := make([]Stats, len(s.issuers))
	for n, i := range s.issuers {
		all[n] = i.Stats()
	}
	return all
}

// Stats returns the issuer's state.
func (i *Issuer) Stats() Stats {
	r := i.keys
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	stats := Stats{
		Issuer: i.cfg.Name, ISS: i.cfg.ISS, Source: r.identity.source(),
		NextFetch: r.untilFetch(now), Fetching: r.inFlight,
		Fetches: maps.Clone(r.report.fetches), Failures: r.schedule.failures,
		LastError: r.report.lastError, LastErrorAt: r.report.lastErrorAt, CacheError: r.report.cacheError,
		UnknownKIDs: r.unknown.len(), WithdrawnInUse: r.report.withdrawnInUse,
	}
	for _, w := range r.report.withdrawn {
		w.KID = clip(w.KID)
		stats.Withdrawn = append(stats.Withdrawn, w)
	}
	if s := r.current.Load(); s != nil {
		stats.HasKeys = true
		stats.Age = now.Sub(s.fetched)
		stats.Stale = stats.Age > r.cfg.MaxStale
		r.keyStats(&stats, s, now)
	}
	return stats
}

func (r *refresher) keyStats(stats *Stats, s *keySet, now time.Time) {
	for _, one := range s.keys {
		_, leaving := s.leaving[one.kid]
		row := KeyStats{
			KID: clip(one.kid), KTY: one.kty, ALG: one.alg, Algs: one.algs,
			Tokens: one.usage.tokens.Load(), Leaving: leaving,
		}
		if row.Tokens > 0 {
			row.LastUsed = now.Add(-r.sinceUse(one.usage, now))
		}
		stats.Keys = append(stats.Keys, row)
	}
	for _, skip := range s.skipped {
		skip.KID = clip(skip.KID)
		stats.Skipped = append(stats.Skipped, skip)
	}
}
