package telemetry

import "github.com/prometheus/client_golang/prometheus"

// ConfigSample is the live config at the time of a scrape.
type ConfigSample struct {
	Hash        string         // hex SHA-256
	Relaxations map[string]int // :: kind, of a closed list -> how many are open
}

// Reloaded counts a config that was read again: "ok" or "refused".
func (m *Metrics) Reloaded(result string) { m.reloads.WithLabelValues(result).Inc() }

// RegisterConfig has the metrics of the live config taken from sample at each
// scrape.
func (m *Metrics) RegisterConfig(sample func() ConfigSample) {
	m.registry.MustRegister(&configCollector{
		sample: sample,
		info: prometheus.NewDesc("jwtgate_config_info",
			"The live configuration by its SHA-256; always 1.", []string{"sha256"}, nil),
		open: prometheus.NewDesc("jwtgate_relaxations",
			"What the live configuration opens, by kind.", []string{"kind"}, nil),
	})
}

// configCollector reads the live config at the time of a scrape.
type configCollector struct {
	sample     func() ConfigSample
	info, open *prometheus.Desc
}

// Describe sends the descriptions of the metrics.
func (c *configCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.info
	out <- c.open
}

// Collect sends the metrics as they are now.
func (c *configCollector) Collect(out chan<- prometheus.Metric) {
	s := c.sample()
	out <- prometheus.MustNewConstMetric(c.info, prometheus.GaugeValue, 1, s.Hash)
	for kind, count := range s.Relaxations {
		out <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(count), kind)
	}
}
