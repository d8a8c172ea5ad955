package engine

import (
	"time"

	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// issuerView is one issuer as /issuers shows it. Durations are in seconds. It
// tells key ids and ages, never a key.
type issuerView struct {
	Issuer           string             `json:"issuer"`
	ISS              []string           `json:"iss"`
	Source           string             `json:"source"`
	HasKeys          bool               `json:"has_keys"`
	Stale            bool               `json:"stale"`
	AgeSeconds       float64            `json:"age_seconds"`
	NextFetchSeconds float64            `json:"next_fetch_seconds"`
	Fetching         bool               `json:"fetching"`
	Fetches          map[string]uint64  `json:"fetches"`
	FailuresInRow    int                `json:"failures_in_row"`
	LastError        string             `json:"last_error,omitempty"`
	LastErrorAt      *time.Time         `json:"last_error_at,omitempty"`
	CacheError       string             `json:"cache_error,omitempty"`
	Keys             []keyView          `json:"keys"`
	Skipped          []skippedView      `json:"skipped,omitempty"`
	UnknownKIDs      int                `json:"unknown_kids"`
	WithdrawnInUse   uint64             `json:"withdrawn_in_use"`
	Withdrawn        []withdrawnKeyView `json:"withdrawn,omitempty"`
}

type keyView struct {
	KID        string     `json:"kid"`
	Type       string     `json:"kty"`
	Algorithms []string   `json:"algorithms"`
	Tokens     uint64     `json:"tokens"`
	LastUsed   *time.Time `json:"last_used,omitempty"`
	Leaving    bool       `json:"leaving,omitempty"`
}

type skippedView struct {
	KID    string `json:"kid"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

type withdrawnKeyView struct {
	KID         string    `json:"kid"`
	At          time.Time `json:"at"`
	Tokens      uint64    `json:"tokens"`
	TokensSince uint64    `json:"tokens_since"`
}

// issuersView renders the issuers' state for /issuers.
func issuersView(stats []issuer.Stats) []issuerView {
	views := make([]issuerView, len(stats))
	for i, s := range stats {
		views[i] = issuerView{
			Issuer: s.Issuer, ISS: s.ISS, Source: s.Source, HasKeys: s.HasKeys, Stale: s.Stale,
			AgeSeconds: s.Age.Seconds(), NextFetchSeconds: s.NextFetch.Seconds(), Fetching: s.Fetching,
			Fetches: s.Fetches, FailuresInRow: s.Failures, LastError: s.LastError, LastErrorAt: timeOrNone(s.LastErrorAt),
			CacheError: s.CacheError, Keys: []keyView{}, UnknownKIDs: s.UnknownKIDs, WithdrawnInUse: s.WithdrawnInUse,
		}
		for _, k := range s.Keys {
			views[i].Keys = append(views[i].Keys, keyView{
				KID: k.KID, Type: k.KTY, Algorithms: k.Algs, Tokens: k.Tokens, LastUsed: timeOrNone(k.LastUsed), Leaving: k.Leaving,
			})
		}
		for _, k := range s.Skipped {
			views[i].Skipped = append(views[i].Skipped, skippedView{KID: k.KID, Reason: k.Reason, Detail: k.Detail})
		}
		for _, k := range s.Withdrawn {
			views[i].Withdrawn = append(views[i].Withdrawn, withdrawnKeyView(k))
		}
	}
	return views
}

// timeOrNone leaves the zero time out of JSON.
func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// issuerSamples renders the issuers' state for a scrape.
func (e *Engine) issuerSamples() []telemetry.IssuerSample {
	set := e.Gate.Issuers()
	issuers := set.All()
	samples := make([]telemetry.IssuerSample, len(issuers))
	for i, one := range issuers {
		stats := one.Stats()
		samples[i] = telemetry.IssuerSample{
			Issuer: stats.Issuer, Keys: len(stats.Keys), Skipped: len(stats.Skipped),
			Age: stats.Age, MaxStale: one.Config().JWKS.MaxStale, Stale: stats.Stale,
			NextFetch: stats.NextFetch, FailuresInRow: stats.Failures, UnknownKIDs: stats.UnknownKIDs,
			WithdrawnInUse: stats.WithdrawnInUse, Fetches: stats.Fetches,
		}
	}
	return samples
}
