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
	reloads  *prometheus.CounterVec
	shadow   *prometheus.CounterVec

	known, unknown prometheus.Counter // tokens

	candidateReloads, revokedReads, certificateReads *prometheus.CounterVec

	refusedHandshakes, refusedMessages prometheus.Counter
	closedConnections                  *prometheus.CounterVec
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
	m.reloads = byResult("jwtgate_config_reloads_total", "Configurations read again while running, by result: ok or refused.")
	m.candidateReloads = byResult("jwtgate_candidate_config_reloads_total", "Candidate configurations read again while running, by result: ok or refused.")
	m.revokedReads = byResult("jwtgate_revoked_reads_total", "Lists of what is revoked read again while running, by result: ok or refused.")
	m.certificateReads = byResult("jwtgate_certificate_reads_total", "Certificates of the gRPC port read again while running, by result: ok or refused.")
	m.refusedHandshakes = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jwtgate_tls_handshakes_refused_total",
		Help: "Connections to the gRPC port whose TLS handshake failed.",
	})
	m.refusedMessages = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jwtgate_messages_refused_total",
		Help: "Messages to the gRPC port that were longer than 128 KiB.",
	})
	m.closedConnections = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jwtgate_connections_closed_total",
		Help: "Connections to the gRPC port that the gate closed, and streams that it refused, by reason: too_many, no_stream, no_message; too_many_streams.",
	}, []string{"reason"})
	for _, reason := range []string{"too_many", "no_stream", "no_message", "too_many_streams"} {
		m.closedConnections.WithLabelValues(reason)
	}
	m.shadow = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jwtgate_candidate_differences_total",
		Help: "Requests that the candidate configuration decides otherwise, by the live route, both verdicts and the candidate's reason.",
	}, []string{"route", "from", "to", "reason"})
	tokens := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jwtgate_token_cache_total",
		Help: "Tokens that were looked at, by result: hit, remembered from an earlier request; or miss, verified.",
	}, []string{"result"})
	m.known, m.unknown = tokens.WithLabelValues("hit"), tokens.WithLabelValues("miss")
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jwtgate_build_info",
		Help: "What is running; always 1.",
	}, []string{"version", "commit", "goversion"})
	info.WithLabelValues(build.Version, build.Commit, build.GoVersion).Set(1)
	m.registry.MustRegister(m.checks, m.duration, m.reloads, m.candidateReloads, m.revokedReads,
		m.certificateReads, m.refusedHandshakes, m.refusedMessages, m.closedConnections, m.shadow, tokens, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// byResult counts what ends well or is refused; both stand there from the start.
func byResult(name, help string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"result"})
	for _, result := range []string{"ok", "refused"} {
		counter.WithLabelValues(result)
	}
	return counter
}

// RegisterDropped has the count of log lines that could not be written taken
// from dropped at each scrape.
func (m *Metrics) RegisterDropped(dropped func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "jwtgate_audit_dropped_total",
		Help: "Lines of the log, decisions among them, that could not be written.",
	}, func() float64 { return float64(dropped()) }))
}

// HandshakeRefused counts one connection whose TLS handshake failed.
func (m *Metrics) HandshakeRefused() { m.refusedHandshakes.Inc() }

// MessageRefused counts one message that was too long.
func (m *Metrics) MessageRefused() { m.refusedMessages.Inc() }

// ConnectionClosed counts one connection that the gate closed.
func (m *Metrics) ConnectionClosed(reason string) { m.closedConnections.WithLabelValues(reason).Inc() }

// RegisterConnections has the number of connections to the gRPC port taken from open
// at each scrape, beside the most that there may be.
func (m *Metrics) RegisterConnections(open func() int, most int) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "jwtgate_connections", Help: "Connections to the gRPC port.",
		}, func() float64 { return float64(open()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "jwtgate_connections_max", Help: "How many connections to the gRPC port there may be (server.max_connections).",
		}, func() float64 { return float64(most) }))
}

// Token counts one token that was looked at: remembered, or verified.
func (m *Metrics) Token(remembered bool) {
	if remembered {
		m.known.Inc()
	} else {
		m.unknown.Inc()
	}
}

// RegisterSkipped has the count of requests that the candidate configuration did
// not come to taken from skipped at each scrape.
func (m *Metrics) RegisterSkipped(skipped func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "jwtgate_candidate_skipped_total",
		Help: "Requests that the candidate configuration did not decide, for want of time.",
	}, func() float64 { return float64(skipped()) }))
}

// Differ counts one request that the candidate configuration decides otherwise.
func (m *Metrics) Differ(route, from, to, reason string) {
	m.shadow.WithLabelValues(route, from, to, reason).Inc()
}

// Check counts one decision. route, verdict and reason come from the config and
// closed lists, never from a client.
func (m *Metrics) Check(route, verdict, reason string, elapsed time.Duration) {
	m.checks.WithLabelValues(route, verdict, reason).Inc()
	m.duration.Observe(elapsed.Seconds())
}
