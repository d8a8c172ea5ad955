package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
	m.registry.MustRegister(&configCollector{
		sample: sample,
		info: prometheus.NewDesc("jwtgate_config_info",
			"The SHA-256 of the live configuration; always 1.", []string{"sha256"}, nil),
		open: prometheus.NewDesc("jwtgate_relaxations",
			"Number of relaxations in the live configuration, by kind.", []string{"kind"}, nil),
		revoked: prometheus.NewDesc("jwtgate_revoked_lines",
			"Number of distinct values in the revocation list.", nil, nil),
		remembered: prometheus.NewDesc("jwtgate_token_cache_entries",
			"Approximate number of verified tokens in the cache.", nil, nil),
		refused: prometheus.NewDesc("jwtgate_reload_refused",
			"1 if the file's current contents were rejected and the previous version is still active, else 0.", []string{"file"}, nil),
	})
}

// RegisterCertificate registers the expiry of the gRPC port's certificate. It calls
// expires at each scrape.
func (m *Metrics) RegisterCertificate(expires func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "jwtgate_certificate_expiry_timestamp_seconds",
		Help: "Time at which the gRPC port's certificate expires, in seconds since 1970.",
	}, func() float64 { return float64(expires().Unix()) }))
}

// configCollector collects the metrics of the live config.
type configCollector struct {
	sample                                   func() ConfigSample
	info, open, revoked, remembered, refused *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *configCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.info
	out <- c.open
	out <- c.revoked
	out <- c.remembered
	out <- c.refused
}

// Collect implements [prometheus.Collector].
func (c *configCollector) Collect(out chan<- prometheus.Metric) {
	s := c.sample()
	out <- prometheus.MustNewConstMetric(c.info, prometheus.GaugeValue, 1, s.Hash)
	out <- prometheus.MustNewConstMetric(c.revoked, prometheus.GaugeValue, float64(s.Revoked))
	out <- prometheus.MustNewConstMetric(c.remembered, prometheus.GaugeValue, float64(s.Remembered))
	for kind, count := range s.Relaxations {
		out <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(count), kind)
	}
	for file, refused := range s.Refused {
		out <- prometheus.MustNewConstMetric(c.refused, prometheus.GaugeValue, oneIf(refused), file)
	}
}

// oneIf returns 1 if condition is true, else 0.
func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
