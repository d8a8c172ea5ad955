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
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jwtgate_checks_total",
			Help: "Number of decided requests, by route, verdict and reason.",
		}, []string{"route", "verdict", "reason"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "jwtgate_check_duration_seconds",
			Help: "Time to decide one request, in seconds, without the transport.",
			// A cached token takes microseconds, a signature tens of microseconds,
			// and the wait for a key up to 200 ms.
			Buckets: []float64{1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.25, 0.5, 1},
		}),
	}
	m.reloads = byResult("jwtgate_config_reloads_total", "Number of reloads of the configuration, by result.")
	m.candidateReloads = byResult("jwtgate_candidate_config_reloads_total", "Number of reloads of the candidate configuration, by result.")
	m.revokedReads = byResult("jwtgate_revoked_reads_total", "Number of reloads of the revocation list, by result.")
	m.certificateReads = byResult("jwtgate_certificate_reads_total", "Number of reloads of the gRPC port's certificate, by result.")
	m.refusedHandshakes = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jwtgate_tls_handshakes_refused_total",
		Help: "Number of connections to the gRPC port whose TLS handshake failed.",
	})
	m.refusedMessages = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jwtgate_messages_refused_total",
		Help: "Number of messages to the gRPC port that were longer than 128 KiB.",
	})
	m.closedConnections = counterOf("jwtgate_connections_closed_total",
		"Number of connections to the gRPC port that the gate closed, and of streams that it refused (too_many_streams), by reason.",
		"reason", "too_many", "no_stream", "no_message", "too_many_streams")
	m.differences = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jwtgate_candidate_differences_total",
		Help: "Number of requests that the candidate configuration decides differently, " +
			"by the live route, both verdicts and the candidate's reason.",
	}, []string{"route", "from", "to", "reason"})
	tokens := counterOf("jwtgate_token_cache_total",
		"Number of tokens, by result: hit, found in the cache of verified tokens; or miss.", "result", "hit", "miss")
	m.hits, m.misses = tokens.WithLabelValues("hit"), tokens.WithLabelValues("miss")
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jwtgate_build_info",
		Help: "The running build; always 1.",
	}, []string{"version", "commit", "goversion"})
	info.WithLabelValues(build.Version, build.Commit, build.GoVersion).Set(1)
	m.registry.MustRegister(m.checks, m.duration, m.reloads, m.candidateReloads, m.revokedReads,
		m.certificateReads, m.refusedHandshakes, m.refusedMessages, m.closedConnections, m.differences, tokens, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// byResult returns a counter with the results ok and refused.
func byResult(name, help string) *prometheus.CounterVec {
	return counterOf(name, help, "result", "ok", "refused")
}

// counterOf returns a counter that has a sample for each value of its label from
// the start.
func counterOf(name, help, label string, values ...string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	for _, value := range values {
		counter.WithLabelValues(value)
	}
	return counter
}

// registerCounter registers a counter. It calls value at each scrape.
func (m *Metrics) registerCounter(o prometheus.CounterOpts, value func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(o, func() float64 { return float64(value()) }))
}

// RegisterDropped registers the number of log lines that could not be written. It
// calls dropped at each scrape.
func (m *Metrics) RegisterDropped(dropped func() uint64) {
	m.registerCounter(prometheus.CounterOpts{
		Name: "jwtgate_audit_dropped_total",
		Help: "Number of log lines, decisions included, that could not be written.",
	}, dropped)
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
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "jwtgate_connections", Help: "Number of connections to the gRPC port.",
		}, func() float64 { return float64(open()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "jwtgate_connections_max", Help: "Maximum number of connections to the gRPC port (server.max_connections).",
		}, func() float64 { return float64(most) }))
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
	m.registerCounter(prometheus.CounterOpts{
		Name: "jwtgate_candidate_skipped_total",
		Help: "Number of requests that the candidate configuration did not decide because it was too slow.",
	}, skipped)
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
