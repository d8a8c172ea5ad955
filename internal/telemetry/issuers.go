package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// IssuerSample is the state of one issuer's keys at the time of a scrape.
type IssuerSample struct {
	Issuer         string
	Keys           int           // trusted
	Skipped        int           // published but unusable
	Age            time.Duration // since the keys were last confirmed; meaningless without keys
	MaxStale       time.Duration // the age at which they are trusted no longer
	Stale          bool          // they are past it
	NextFetch      time.Duration
	FailuresInRow  int
	UnknownKIDs    int               // remembered
	WithdrawnInUse uint64            // keys withdrawn while tokens came with them, since start
	Fetches        map[string]uint64 // :: result -> count since start
}

// RegisterIssuers has the metrics of the issuers' keys taken from sample at each
// scrape.
func (m *Metrics) RegisterIssuers(sample func() []IssuerSample) {
	m.registry.MustRegister(&issuerCollector{
		sample: sample,
		values: issuerMetrics(),
		age: prometheus.NewDesc("jwtgate_keys_age_seconds",
			"Seconds since an issuer's keys were last confirmed by the issuer; absent without keys.", []string{"issuer"}, nil),
		fetches: prometheus.NewDesc("jwtgate_key_fetches_total",
			"Fetches of an issuer's keys, by result.", []string{"issuer", "result"}, nil),
	})
}

// issuerMetric is one metric that every issuer has.
type issuerMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(IssuerSample) float64
}

func issuerMetrics() []issuerMetric {
	metric := func(name, help string, kind prometheus.ValueType, value func(IssuerSample) float64) issuerMetric {
		return issuerMetric{prometheus.NewDesc(name, help, []string{"issuer"}, nil), kind, value}
	}
	return []issuerMetric{
		metric("jwtgate_keys", "Keys held of an issuer.",
			prometheus.GaugeValue, func(s IssuerSample) float64 { return float64(s.Keys) }),
		metric("jwtgate_keys_skipped", "Keys that an issuer publishes and that are not used.",
			prometheus.GaugeValue, func(s IssuerSample) float64 { return float64(s.Skipped) }),
		metric("jwtgate_keys_stale", "Whether an issuer's keys are past max_stale and no longer trusted: 1 or 0.",
			prometheus.GaugeValue, func(s IssuerSample) float64 { return oneIf(s.Stale) }),
		metric("jwtgate_keys_max_stale_seconds", "The age at which an issuer's keys are trusted no longer.",
			prometheus.GaugeValue, func(s IssuerSample) float64 { return s.MaxStale.Seconds() }),
		metric("jwtgate_key_next_fetch_seconds", "Seconds until an issuer's keys are fetched next; 0 while they are.",
			prometheus.GaugeValue, func(s IssuerSample) float64 { return s.NextFetch.Seconds() }),
		metric("jwtgate_key_fetch_failures_in_row", "Fetches of an issuer's keys that failed since the last that did not.",
			prometheus.GaugeValue, func(s IssuerSample) float64 { return float64(s.FailuresInRow) }),
		metric("jwtgate_unknown_kids", "Key ids of tokens, unknown to the issuer, that are remembered.",
			prometheus.GaugeValue, func(s IssuerSample) float64 { return float64(s.UnknownKIDs) }),
		metric("jwtgate_keys_withdrawn_in_use_total", "Keys that an issuer withdrew while tokens came with them.",
			prometheus.CounterValue, func(s IssuerSample) float64 { return float64(s.WithdrawnInUse) }),
	}
}

// issuerCollector reads the issuers' state at the time of a scrape, so that
// there is no second copy of it.
type issuerCollector struct {
	sample       func() []IssuerSample
	values       []issuerMetric
	age, fetches *prometheus.Desc
}

// Describe sends the descriptions of the metrics.
func (c *issuerCollector) Describe(out chan<- *prometheus.Desc) {
	for _, metric := range c.values {
		out <- metric.desc
	}
	out <- c.age
	out <- c.fetches
}

// Collect sends the metrics as they are now.
func (c *issuerCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.sample() {
		for _, metric := range c.values {
			out <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.value(s), s.Issuer)
		}
		if s.Keys > 0 {
			out <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, s.Age.Seconds(), s.Issuer)
		}
		for result, count := range s.Fetches {
			out <- prometheus.MustNewConstMetric(c.fetches, prometheus.CounterValue, float64(count), s.Issuer, result)
		}
	}
}
