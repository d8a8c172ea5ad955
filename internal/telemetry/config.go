package telemetry

import "time"

// ConfigSample is the state of the live config at the time of a scrape.
type ConfigSample struct {
	Hash        string         // hex SHA-256
	Relaxations map[string]int // :: kind, from a closed list -> how many are configured
	Revoked     int            // lines of the revocation list
	Remembered  int            // verified tokens in the cache
	// Refused tells for each watched file, by a name from a closed list, whether its
	// current contents were rejected.
	Refused map[string]bool
}

// Reloaded counts a reload of the config: "ok" or "refused".
func (m *Metrics) Reloaded(result string) { m.reloads.WithLabelValues(result).Inc() }

// CandidateReloaded counts a reload of the candidate config: "ok" or "refused".
func (m *Metrics) CandidateReloaded(result string) { m.candidateReloads.WithLabelValues(result).Inc() }

// RevokedRead counts a reload of the revocation list: "ok" or "refused".
func (m *Metrics) RevokedRead(result string) { m.revokedReads.WithLabelValues(result).Inc() }

// CertificateRead counts a reload of the gRPC port's certificates: "ok" or
// "refused".
func (m *Metrics) CertificateRead(result string) { m.certificateReads.WithLabelValues(result).Inc() }

// RegisterConfig registers the metrics of the live config. It calls sample at each
// scrape.
func (m *Metrics) RegisterConfig(sample func() ConfigSample) {
	m.onScrape(func(out samples) {
		s := sample()
		out.gauge("jwtgate_config_info", "The SHA-256 of the live configuration; always 1.", 1, labels{"sha256": s.Hash})
		out.gauge("jwtgate_revoked_lines", "Number of distinct values in the revocation list.", float64(s.Revoked), nil)
		out.gauge("jwtgate_token_cache_entries", "Approximate number of verified tokens in the cache.", float64(s.Remembered), nil)
		for kind, count := range s.Relaxations {
			out.gauge("jwtgate_relaxations", "Number of relaxations in the live configuration, by kind.", float64(count), labels{"kind": kind})
		}
		for file, refused := range s.Refused {
			out.gauge("jwtgate_reload_refused", "1 if the file's current contents were rejected and the previous version is still active, else 0.",
				oneIf(refused), labels{"file": file})
		}
	})
}

// RegisterCertificate registers the expiry of the gRPC port's certificate. It calls
// expires at each scrape.
func (m *Metrics) RegisterCertificate(expires func() time.Time) {
	m.onScrape(func(out samples) {
		out.gauge("jwtgate_certificate_expiry_timestamp_seconds",
			"Time at which the gRPC port's certificate expires, in seconds since 1970.", float64(expires().Unix()), nil)
	})
}
