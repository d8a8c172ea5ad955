package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanCounter is an exporter that counts spans. The SDK drops spans while its queue
// is full and does not report how many, so [spanQueue] drops and counts them first.
type spanCounter struct {
	sdktrace.SpanExporter
	logger *slog.Logger

	most    int64        // the size of the SDK's queue
	waiting atomic.Int64 // spans in the queue or being sent
	broken  atomic.Bool  // the last batch could not be sent

	sent, failed, dropped atomic.Uint64
}

// ExportSpans sends a batch. It logs the first of several failures, and the
// recovery.
func (c *spanCounter) ExportSpans(ctx context.Context, batch []sdktrace.ReadOnlySpan) error {
	defer c.waiting.Add(-int64(len(batch)))
	if err := c.SpanExporter.ExportSpans(ctx, batch); err != nil {
		c.failed.Add(uint64(len(batch)))
		if !c.broken.Swap(true) {
			c.logger.Warn("sending traces failed; requests are still decided", "error", err)
		}
		return nil
	}
	c.sent.Add(uint64(len(batch)))
	if c.broken.Swap(false) {
		c.logger.Info("sending traces recovered", "failed", c.failed.Load(), "dropped", c.dropped.Load())
	}
	return nil
}

// spanQueue is the SDK's queue. It drops a span for which the queue has no room, and
// counts it.
type spanQueue struct {
	sdktrace.SpanProcessor
	counter *spanCounter
}

// OnEnd queues a span that has ended.
func (q spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.counter.waiting.Add(1) > q.counter.most {
		q.counter.waiting.Add(-1)
		q.counter.dropped.Add(1)
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// RegisterTraces registers the numbers of t's spans.
func (m *Metrics) RegisterTraces(t *Traces) {
	c := t.counter
	m.onScrape(func(out samples) {
		for result, count := range map[string]*atomic.Uint64{"sent": &c.sent, "failed": &c.failed, "dropped": &c.dropped} {
			out.counter("jwtgate_spans_total", "Number of spans, by result: sent; failed, if the receiver did not accept the whole batch; "+
				"or dropped, because the queue was full.", count.Load(), labels{"result": result})
		}
	})
}
