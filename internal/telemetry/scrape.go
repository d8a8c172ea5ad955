package telemetry

import "github.com/prometheus/client_golang/prometheus"

// labels are the labels of one sample.
type labels = prometheus.Labels

// scrape is a collector whose samples are computed at each scrape.
type scrape func(samples)

// samples receives the samples of one scrape.
type samples chan<- prometheus.Metric

// Describe implements [prometheus.Collector]. It describes nothing, because a metric
// may be absent, such as the age of keys that were never loaded.
func (scrape) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (s scrape) Collect(out chan<- prometheus.Metric) { s(out) }

// onScrape calls collect at each scrape.
func (m *Metrics) onScrape(collect func(samples)) { m.registry.MustRegister(scrape(collect)) }

func (out samples) gauge(name, help string, value float64, of labels) {
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, of), prometheus.GaugeValue, value)
}

func (out samples) counter(name, help string, value uint64, of labels) {
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, of), prometheus.CounterValue, float64(value))
}

// oneIf returns 1 if condition is true, else 0.
func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
