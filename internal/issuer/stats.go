package issuer

import (
	"maps"
	"time"
)

// Stats is the state of one issuer at one moment, for operators. External values
// are truncated to 80 bytes.
type Stats struct {
	Issuer string   // its name in the config
	ISS    []string // its iss values
	Source string   // where its keys come from, without a query

	HasKeys bool          // keys are loaded, stale or not
	Stale   bool          // they are past max_stale and not trusted
	Age     time.Duration // since the fetch began that returned or last confirmed the keys; 0 without keys
	Keys    []KeyStats    // in the order of the response
	Skipped []Skipped     // published keys that are not used

	NextFetch   time.Duration     // until the next fetch; 0 while one is in flight
	Fetching    bool              // a fetch is in flight
	Fetches     map[string]uint64 // :: Fetch constant -> how many since start; contains every constant
	Failures    int               // consecutive failed fetches
	LastError   string            // of the last failed fetch, even if later ones succeeded; empty: none
	LastErrorAt time.Time
	CacheError  string // why the keys are not in cache_dir; empty: they are, or it is not configured

	UnknownKIDs    int         // unknown kids remembered
	WithdrawnInUse uint64      // keys withdrawn while in use, since start
	Withdrawn      []Withdrawn // the last 16 of them that were not published again
}

// KeyStats is one trusted key.
type KeyStats struct {
	KID, KTY string
	ALG      string   // as published; empty: absent
	Algs     []string // the algs that it may verify
	Tokens   uint64   // accepted tokens, of all keys with this kid
	LastUsed time.Time
	Leaving  bool // missing from the issuer's last response, not confirmed yet
}

// Withdrawn is a key that left the set while tokens were signed with it.
type Withdrawn struct {
	KID         string
	At          time.Time
	Tokens      uint64 // accepted before
	TokensSince uint64 // received with its kid since
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
