package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the program's Prometheus metrics. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	checks   *prometheus.CounterVec
	duration prometheus.Histogram
}

// Build says what was built.
type Build struct {
	Version   string
	Commit    string
	GoVersion string
}

// NewMetrics returns metrics in a registry of their own, with those of the
// process and the Go runtime.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jwtgate_checks_total",
			Help: "Requests decided, by route, verdict and reason.",
		}, []string{"route", "verdict", "reason"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "jwtgate_check_duration_seconds",
			Help: "Time to decide one request, in seconds, without the transport.",
			// From a remembered token (microseconds) over a signature (tens of
			// them) to a wait for a key (200 ms).
			Buckets: []float64{1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.25, 0.5, 1},
		}),
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jwtgate_build_info",
		Help: "What is running; always 1.",
	}, []string{"version", "commit", "goversion"})
	info.WithLabelValues(build.Version, build.Commit, build.GoVersion).Set(1)
	m.registry.MustRegister(m.checks, m.duration, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Check counts one decision. route, verdict and reason come from the config and
// closed lists, never from a client.
func (m *Metrics) Check(route, verdict, reason string, elapsed time.Duration) {
	m.checks.WithLabelValues(route, verdict, reason).Inc()
	m.duration.Observe(elapsed.Seconds())
}

// IssuerSample is the state of one issuer's keys at the time of a scrape.
type IssuerSample struct {
	Issuer  string
	Keys    int
	Age     time.Duration     // since the keys were last confirmed; meaningless without keys
	Fetches map[string]uint64 // result -> count since start
}

// RegisterIssuers has the metrics of the issuers' keys taken from sample at each
// scrape.
func (m *Metrics) RegisterIssuers(sample func() []IssuerSample) {
	m.registry.MustRegister(&issuerCollector{
		sample: sample,
		keys: prometheus.NewDesc("jwtgate_keys",
			"Keys held of an issuer.", []string{"issuer"}, nil),
		age: prometheus.NewDesc("jwtgate_keys_age_seconds",
			"Seconds since an issuer's keys were last confirmed by the issuer.", []string{"issuer"}, nil),
		fetches: prometheus.NewDesc("jwtgate_key_fetches_total",
			"Fetches of an issuer's keys, by result.", []string{"issuer", "result"}, nil),
	})
}

// issuerCollector reads the issuers' state at the time of a scrape, so that
// there is no second copy of it.
type issuerCollector struct {
	sample             func() []IssuerSample
	keys, age, fetches *prometheus.Desc
}

// Describe sends the descriptions of the metrics.
func (c *issuerCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.keys
	out <- c.age
	out <- c.fetches
}

// Collect sends the metrics as they are now.
func (c *issuerCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.sample() {
		out <- prometheus.MustNewConstMetric(c.keys, prometheus.GaugeValue, float64(s.Keys), s.Issuer)
		if s.Keys > 0 {
			out <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, s.Age.Seconds(), s.Issuer)
		}
		for result, count := range s.Fetches {
			out <- prometheus.MustNewConstMetric(c.fetches, prometheus.CounterValue, float64(count), s.Issuer, result)
		}
	}
}
