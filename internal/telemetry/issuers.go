package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jwtgate/jwtgate/internal/issuer"
)

// RegisterIssuers registers the metrics of the issuers' keys. It calls stats at
// each scrape.
func (m *Metrics) RegisterIssuers(stats func() []issuer.Stats) {
	m.registry.MustRegister(&issuerCollector{
		stats:  stats,
		values: issuerMetrics(),
		age: prometheus.NewDesc("jwtgate_keys_age_seconds",
			"Seconds since the issuer last confirmed its keys; absent without keys.", []string{"issuer"}, nil),
		fetches: prometheus.NewDesc("jwtgate_key_fetches_total",
			"Number of key fetches, by result.", []string{"issuer", "result"}, nil),
	})
}

// issuerMetric is one metric of an issuer.
type issuerMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(issuer.Stats) float64
}

func issuerMetrics() []issuerMetric {
	metric := func(name, help string, kind prometheus.ValueType, value func(issuer.Stats) float64) issuerMetric {
		return issuerMetric{prometheus.NewDesc(name, help, []string{"issuer"}, nil), kind, value}
	}
	return []issuerMetric{
		metric("jwtgate_keys", "Number of the issuer's usable keys.",
			prometheus.GaugeValue, func(s issuer.Stats) float64 { return float64(len(s.Keys)) }),
		metric("jwtgate_keys_skipped", "Number of published keys that cannot be used.",
			prometheus.GaugeValue, func(s issuer.Stats) float64 { return float64(len(s.Skipped)) }),
		metric("jwtgate_keys_stale", "1 if the issuer's keys are past max_stale and no longer trusted, else 0.",
			prometheus.GaugeValue, func(s issuer.Stats) float64 { return oneIf(s.Stale) }),
		metric("jwtgate_keys_max_stale_seconds", "Age from which the issuer's keys are no longer trusted (max_stale).",
			prometheus.GaugeValue, func(s issuer.Stats) float64 { return s.MaxStale.Seconds() }),
		metric("jwtgate_key_next_fetch_seconds", "Seconds until the next key fetch; 0 while a fetch is in flight.",
			prometheus.GaugeValue, func(s issuer.Stats) float64 { return s.NextFetch.Seconds() }),
		metric("jwtgate_key_fetch_failures_in_row", "Number of consecutive failed key fetches.",
			prometheus.GaugeValue, func(s issuer.Stats) float64 { return float64(s.Failures) }),
		metric("jwtgate_unknown_kids", "Number of remembered key ids that tokens had and the issuer does not publish.",
			prometheus.GaugeValue, func(s issuer.Stats) float64 { return float64(s.UnknownKIDs) }),
		metric("jwtgate_keys_withdrawn_in_use_total", "Number of keys that the issuer withdrew while tokens were still signed with them.",
			prometheus.CounterValue, func(s issuer.Stats) float64 { return float64(s.WithdrawnInUse) }),
	}
}

// issuerCollector collects the metrics of the issuers' keys.
type issuerCollector struct {
	stats        func() []issuer.Stats
	values       []issuerMetric
	age, fetches *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *issuerCollector) Describe(out chan<- *prometheus.Desc) {
	for _, metric := range c.values {
		out <- metric.desc
	}
	out <- c.age
	out <- c.fetches
}

// Collect implements [prometheus.Collector].
func (c *issuerCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.stats() {
		for _, metric := range c.values {
			out <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.value(s), s.Issuer)
		}
		if len(s.Keys) > 0 {
			out <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, s.Age.Seconds(), s.Issuer)
		}
		for result, count := range s.Fetches {
			out <- prometheus.MustNewConstMetric(c.fetches, prometheus.CounterValue, float64(count), s.Issuer, result)
		}
	}
}
