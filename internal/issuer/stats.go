package issuer

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// Stats is the state of one issuer at one moment. As JSON it is what /issuers shows:
// [Stats.MarshalJSON] adds the durations, in seconds. External values are truncated to
// 80 bytes. It has no key, only key IDs.
type Stats struct {
	Issuer string   `json:"issuer"` // its name in the config
	ISS    []string `json:"iss"`    // its iss values
	Source string   `json:"source"` // where its keys come from, without a query

	// Beyond is how many keys are published beyond max_keys, and Standard how many keys are
	// published in standard base64 instead of base64url.
	Beyond   int `json:"beyond_max_keys,omitempty"`
	Standard int `json:"standard_base64_keys,omitempty"`

	HasKeys  bool          `json:"has_keys"`          // keys are loaded, stale or not
	Stale    bool          `json:"stale"`             // they are past max_stale and not trusted
	Age      time.Duration `json:"-"`                 // since the fetch began that returned or last confirmed the keys; 0 without keys
	MaxStale time.Duration `json:"-"`                 // the age from which the keys are not trusted
	Keys     []KeyStats    `json:"keys"`              // in the order of the response
	Skipped  []Skipped     `json:"skipped,omitempty"` // of the last response, also if it has no usable key

	NextFetch   time.Duration     `json:"-"`        // until the next fetch; 0 while one is in flight
	Fetching    bool              `json:"fetching"` // a fetch is in flight
	Fetches     map[string]uint64 `json:"fetches"`  // :: Fetch constant -> how many since start; contains every constant
	Failures    int               `json:"failures_in_row"`
	LastError   string            `json:"last_error,omitempty"` // of the last failed fetch, even if later ones succeeded
	LastErrorAt time.Time         `json:"last_error_at,omitzero"`
	CacheError  string            `json:"cache_error,omitempty"` // why the keys are not in cache_dir; empty: they are, or it is not configured

	UnknownKIDs    int         `json:"unknown_kids"`        // remembered
	WithdrawnInUse uint64      `json:"withdrawn_in_use"`    // keys withdrawn while in use, since start
	Withdrawn      []Withdrawn `json:"withdrawn,omitempty"` // the last 16 of them that were not published again
}

// MarshalJSON writes the state for /issuers.
func (s Stats) MarshalJSON() ([]byte, error) {
	type fields Stats // without this method
	return json.Marshal(struct {
		fields
		AgeSeconds       float64 `json:"age_seconds"`
		NextFetchSeconds float64 `json:"next_fetch_seconds"`
	}{fields(s), s.Age.Seconds(), s.NextFetch.Seconds()})
}

// KeyStats is one trusted key.
type KeyStats struct {
	KID      string    `json:"kid"`
	KTY      string    `json:"kty"`
	ALG      string    `json:"-"`          // as published; empty: absent
	Algs     []string  `json:"algorithms"` // that it may verify
	Tokens   uint64    `json:"tokens"`     // accepted tokens, of all keys with this kid
	LastUsed time.Time `json:"last_used,omitzero"`
	Leaving  bool      `json:"leaving,omitempty"` // missing from the issuer's last response, not confirmed yet
}

// Withdrawn is a key that left the set while tokens were signed with it.
type Withdrawn struct {
	KID         string    `json:"kid"`
	At          time.Time `json:"at"`
	Tokens      uint64    `json:"tokens"`       // accepted before
	TokensSince uint64    `json:"tokens_since"` // received with its kid since
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
		MaxStale: r.cfg.MaxStale, Keys: []KeyStats{}, // as JSON [], not null
		NextFetch: r.untilFetch(now), Fetching: r.inFlight,
		Fetches: maps.Clone(r.report.fetches), Failures: r.schedule.failures,
		LastError: r.report.lastError, LastErrorAt: r.report.lastErrorAt.UTC(), CacheError: r.report.cacheError,
		UnknownKIDs: r.unknown.len(), WithdrawnInUse: r.report.withdrawnInUse,
	}
	for _, w := range r.report.withdrawn {
		w.KID, w.At = quote.Plain(w.KID, quote.Max), w.At.UTC()
		stats.Withdrawn = append(stats.Withdrawn, w)
	}
	s := r.current.Load()
	stats.Skipped = r.skippedStats(s)
	if s != nil {
		stats.HasKeys = true
		stats.Age = now.Sub(s.fetched)
		stats.Stale = stats.Age > r.cfg.MaxStale
		r.keyStats(&stats, s, now)
	}
	return stats
}

func (r *refresher) keyStats(stats *Stats, s *keySet, now time.Time) {
	if s.rest != nil {
		stats.Beyond = s.rest.beyond
	}
	for _, one := range s.keys {
		if one.standard {
			stats.Standard++
		}
		_, leaving := s.leaving[one.kid]
		row := KeyStats{
			KID: quote.Plain(one.kid, quote.Max), KTY: one.kty, ALG: one.alg, Algs: one.algs,
			Tokens: one.usage.tokens.Load(), Leaving: leaving,
		}
		if row.Tokens > 0 {
			row.LastUsed = now.Add(-r.sinceUse(one.usage, now)).UTC()
		}
		stats.Keys = append(stats.Keys, row)
	}
}

// skippedStats returns the unusable keys of the last response that had keys.
func (r *refresher) skippedStats(s *keySet) []Skipped {
	skipped := r.report.rejected
	if skipped == nil && s != nil {
		skipped = s.skipped
	}
	var shown []Skipped
	for _, skip := range skipped {
		skip.KID = quote.Plain(skip.KID, quote.Max)
		shown = append(shown, skip)
	}
	return shown
}
