package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// tally counts what becomes of spans. It stands around the SDK's own queue, on
// both sides of it: the SDK drops spans when too many wait, and does not say how
// many.
type tally struct {
	sdktrace.SpanExporter // that sends them
	logger                *slog.Logger

	most    int64        // how many may wait or be under way
	waiting atomic.Int64 // how many are
	broken  atomic.Bool  // the last batch was not sent

	sent, failed, dropped atomic.Uint64
}

// ExportSpans sends a batch. A failure is told here, once while it lasts.
func (t *tally) ExportSpans(ctx context.Context, batch []sdktrace.ReadOnlySpan) error {
	defer t.waiting.Add(-int64(len(batch)))
	if err := t.SpanExporter.ExportSpans(ctx, batch); err != nil {
		t.failed.Add(uint64(len(batch)))
		if !t.broken.Swap(true) {
			t.logger.Warn("traces are not sent, and requests are decided without", "error", err)
		}
		return nil
	}
	t.sent.Add(uint64(len(batch)))
	if t.broken.Swap(false) {
		t.logger.Info("traces are sent again", "failed", t.failed.Load(), "dropped", t.dropped.Load())
	}
	return nil
}

// counted is a queue of spans that is never full, since what would be too much
// for it is counted and dropped before.
type counted struct {
	sdktrace.SpanProcessor // the queue
	tally                  *tally
}

// OnEnd takes a span that has ended.
func (c counted) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if c.tally.waiting.Add(1) > c.tally.most {
		c.tally.waiting.Add(-1)
		c.tally.dropped.Add(1)
		return
	}
	c.SpanProcessor.OnEnd(s)
}

// RegisterTraces has the counts of spans taken from t at each scrape.
func (m *Metrics) RegisterTraces(t *Traces) {
	for result, count := range map[string]*atomic.Uint64{"sent": &t.tally.sent, "failed": &t.tally.failed, "dropped": &t.tally.dropped} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "jwtgate_spans_total",
			Help:        "Spans of checks, by result: sent; failed, in a batch that the receiver did not take as a whole; or dropped, since too many waited.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(count.Load()) }))
	}
}
