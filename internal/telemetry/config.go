package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ConfigSample is the live config at the time of a scrape.
type ConfigSample struct {
	Hash        string         // hex SHA-256
	Relaxations map[string]int // :: kind, of a closed list -> how many are open
	Revoked     int            // lines of the list of what is revoked
	Remembered  int            // verified tokens
	// Refused are the files that are followed, of a closed list of names, and
	// whether what one holds now was refused.
	Refused map[string]bool
}

// Reloaded counts a config that was read again: "ok" or "refused".
func (m *Metrics) Reloaded(result string) { m.reloads.WithLabelValues(result).Inc() }

// CandidateReloaded counts a candidate config that was read again: "ok" or
// "refused".
func (m *Metrics) CandidateReloaded(result string) { m.candidateReloads.WithLabelValues(result).Inc() }

// RevokedRead counts a list of what is revoked that was read again: "ok" or
// "refused".
func (m *Metrics) RevokedRead(result string) { m.revokedReads.WithLabelValues(result).Inc() }

// CertificateRead counts the certificates of the gRPC port that were read again:
// "ok" or "refused".
func (m *Metrics) CertificateRead(result string) { m.certificateReads.WithLabelValues(result).Inc() }

// RegisterConfig has the metrics of the live config taken from sample at each
// scrape.
func (m *Metrics) RegisterConfig(sample func() ConfigSample) {
	m.registry.MustRegister(&configCollector{
		sample: sample,
		info: prometheus.NewDesc("jwtgate_config_info",
			"The live configuration by its SHA-256; always 1.", []string{"sha256"}, nil),
		open: prometheus.NewDesc("jwtgate_relaxations",
			"What the live configuration opens, by kind.", []string{"kind"}, nil),
		revoked: prometheus.NewDesc("jwtgate_revoked_lines",
			"Values on the list of what is revoked; two lines for one value count once.", nil, nil),
		remembered: prometheus.NewDesc("jwtgate_token_cache_entries",
			"Verified tokens that are remembered, about.", nil, nil),
		refused: prometheus.NewDesc("jwtgate_reload_refused",
			"Whether what a file holds now was refused, so that what it held before stays in force: 1 or 0.", []string{"file"}, nil),
	})
}

// RegisterCertificate has the end of the gRPC port's certificate taken from
// expires at each scrape.
func (m *Metrics) RegisterCertificate(expires func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "jwtgate_certificate_expiry_timestamp_seconds",
		Help: "When the certificate of the gRPC port ends, in seconds since 1970.",
	}, func() float64 { return float64(expires().Unix()) }))
}

// configCollector reads the live config at the time of a scrape.
type configCollector struct {
	sample                                   func() ConfigSample
	info, open, revoked, remembered, refused *prometheus.Desc
}

// Describe sends the descriptions of the metrics.
func (c *configCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.info
	out <- c.open
	out <- c.revoked
	out <- c.remembered
	out <- c.refused
}

// Collect sends the metrics as they are now.
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

// oneIf is how a gauge says yes.
func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
