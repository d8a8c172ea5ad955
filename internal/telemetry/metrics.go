package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the program's Prometheus metrics. They are safe for concurrent use.
type Metrics struct {
	registry    *prometheus.Registry
	checks      *prometheus.CounterVec
	duration    prometheus.Histogram
	reloads     *prometheus.CounterVec
	differences *prometheus.CounterVec

	hits, misses prometheus.Counter // of the token cache

	candidateReloads, revokedReads, certificateReads *prometheus.CounterVec

	refusedHandshakes, refusedMessages prometheus.Counter
	closedConnections                  *prometheus.CounterVec
}

// Build identifies the build of the program.
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
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "jwtgate_check_duration_seconds",
			Help: "Time to decide one request, in seconds, without the transport.",
			// A cached token takes microseconds, a signature tens of microseconds,
			// and the wait for a key up to 200 ms.
			Buckets: []float64{1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.25, 0.5, 1},
		}),
	}
	m.registry.MustRegister(m.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.onScrape(func(out samples) {
		out.gauge("jwtgate_build_info", "The running build; always 1.", 1,
			labels{"version": build.Version, "commit": build.Commit, "goversion": build.GoVersion})
	})
	m.checks = m.counter("jwtgate_checks_total", "Number of decided requests, by route, verdict and reason.", "route", "verdict", "reason")
	m.differences = m.counter("jwtgate_candidate_differences_total",
		"Number of requests that the candidate configuration decides differently, "+
			"by the live route, both verdicts and the candidate's reason.", "route", "from", "to", "reason")
	m.reloads = m.byResult("jwtgate_config_reloads_total", "Number of reloads of the configuration, by result.")
	m.candidateReloads = m.byResult("jwtgate_candidate_config_reloads_total", "Number of reloads of the candidate configuration, by result.")
	m.revokedReads = m.byResult("jwtgate_revoked_reads_total", "Number of reloads of the revocation list, by result.")
	m.certificateReads = m.byResult("jwtgate_certificate_reads_total", "Number of reloads of the gRPC port's certificate, by result.")
	m.refusedHandshakes = m.counter("jwtgate_tls_handshakes_refused_total",
		"Number of connections to the gRPC port whose TLS handshake failed.").WithLabelValues()
	m.refusedMessages = m.counter("jwtgate_messages_refused_total",
		"Number of messages to the gRPC port that were longer than 128 KiB.").WithLabelValues()
	m.closedConnections = m.counterOf("jwtgate_connections_closed_total",
		"Number of connections to the gRPC port that the gate closed, and of streams that it refused (too_many_streams), by reason.",
		"reason", "too_many", "no_stream", "no_message", "too_many_streams")
	tokens := m.counterOf("jwtgate_token_cache_total",
		"Number of tokens, by result: hit, found in the cache of verified tokens; or miss.", "result", "hit", "miss")
	m.hits, m.misses = tokens.WithLabelValues("hit"), tokens.WithLabelValues("miss")
	return m
}

// counter registers a counter with these labels.
func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(counter)
	return counter
}

// byResult registers a counter with the results ok and refused.
func (m *Metrics) byResult(name, help string) *prometheus.CounterVec {
	return m.counterOf(name, help, "result", "ok", "refused")
}

// counterOf registers a counter that has a sample for each value of its label from
// the start.
func (m *Metrics) counterOf(name, help, label string, values ...string) *prometheus.CounterVec {
	counter := m.counter(name, help, label)
	for _, value := range values {
		counter.WithLabelValues(value)
	}
	return counter
}

// RegisterDropped registers the number of log lines that could not be written. It
// calls dropped at each scrape.
func (m *Metrics) RegisterDropped(dropped func() uint64) {
	m.onScrape(func(out samples) {
		out.counter("jwtgate_audit_dropped_total", "Number of log lines, decisions included, that could not be written.", dropped(), nil)
	})
}

// HandshakeRefused counts one connection whose TLS handshake failed.
func (m *Metrics) HandshakeRefused() { m.refusedHandshakes.Inc() }

// MessageRefused counts one message that was too long.
func (m *Metrics) MessageRefused() { m.refusedMessages.Inc() }

// ConnectionClosed counts one connection that the gate closed.
func (m *Metrics) ConnectionClosed(reason string) { m.closedConnections.WithLabelValues(reason).Inc() }

// RegisterConnections registers the number of connections to the gRPC port and its
// maximum. It calls open at each scrape.
func (m *Metrics) RegisterConnections(open func() int, most int) {
	m.onScrape(func(out samples) {
		out.gauge("jwtgate_connections", "Number of connections to the gRPC port.", float64(open()), nil)
		out.gauge("jwtgate_connections_max", "Maximum number of connections to the gRPC port (server.max_connections).", float64(most), nil)
	})
}

// Token counts one token, by whether it was in the cache of verified tokens.
func (m *Metrics) Token(cached bool) {
	if cached {
		m.hits.Inc()
	} else {
		m.misses.Inc()
	}
}

// RegisterSkipped registers the number of requests that the candidate configuration
// skipped. It calls skipped at each scrape.
func (m *Metrics) RegisterSkipped(skipped func() uint64) {
	m.onScrape(func(out samples) {
		out.counter("jwtgate_candidate_skipped_total",
			"Number of requests that the candidate configuration did not decide because it was too slow.", skipped(), nil)
	})
}

// Differ counts one request that the candidate configuration decides differently.
func (m *Metrics) Differ(route, from, to, reason string) {
	m.differences.WithLabelValues(route, from, to, reason).Inc()
}

// Check counts one decision. route, verdict and reason must come from the config or
// a closed list, never from a client.
func (m *Metrics) Check(route, verdict, reason string, elapsed time.Duration) {
	m.checks.WithLabelValues(route, verdict, reason).Inc()
	m.duration.Observe(elapsed.Seconds())
}
