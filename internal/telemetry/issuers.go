package telemetry

import "github.com/jwtgate/jwtgate/internal/issuer"

// RegisterIssuers registers the metrics of the issuers' keys. It calls stats at
// each scrape.
func (m *Metrics) RegisterIssuers(stats func() []issuer.Stats) {
	m.onScrape(func(out samples) {
		for _, s := range stats() {
			out.issuer(s)
		}
	})
}

func (out samples) issuer(s issuer.Stats) {
	of := labels{"issuer": s.Issuer}
	out.gauge("jwtgate_keys", "Number of the issuer's usable keys.", float64(len(s.Keys)), of)
	out.gauge("jwtgate_keys_skipped", "Number of published keys that cannot be used.", float64(len(s.Skipped)), of)
	out.gauge("jwtgate_keys_beyond_max", "Number of published keys beyond max_keys, which are held only when tokens name them.",
		float64(s.Beyond), of)
	out.gauge("jwtgate_keys_standard_base64", "Number of keys that the issuer publishes in standard base64 instead of base64url.",
		float64(s.Standard), of)
	out.gauge("jwtgate_keys_stale", "1 if the issuer's keys are past max_stale and no longer trusted, else 0.", oneIf(s.Stale), of)
	out.gauge("jwtgate_keys_max_stale_seconds", "Age from which the issuer's keys are no longer trusted (max_stale).",
		s.MaxStale.Seconds(), of)
	out.gauge("jwtgate_key_next_fetch_seconds", "Seconds until the next key fetch; 0 while a fetch is in flight.",
		s.NextFetch.Seconds(), of)
	out.gauge("jwtgate_key_fetch_failures_in_row", "Number of consecutive failed key fetches.", float64(s.Failures), of)
	out.gauge("jwtgate_unknown_kids", "Number of remembered key ids that tokens had and the issuer does not publish.",
		float64(s.UnknownKIDs), of)
	out.counter("jwtgate_keys_withdrawn_in_use_total", "Number of keys that the issuer withdrew while tokens were still signed with them.",
		s.WithdrawnInUse, of)
	if len(s.Keys) > 0 {
		out.gauge("jwtgate_keys_age_seconds", "Seconds since the issuer last confirmed its keys; absent without keys.", s.Age.Seconds(), of)
	}
	for result, count := range s.Fetches {
		out.counter("jwtgate_key_fetches_total", "Number of key fetches, by result.", count, labels{"issuer": s.Issuer, "result": result})
	}
}
