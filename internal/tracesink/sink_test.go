package tracesink_test

import (
	"context"
	"net"
	"net/url"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/jwtgate/jwtgate/internal/tracesink"
)

func start(t *testing.T) *tracesink.Sink {
	t.Helper()
	sink, err := tracesink.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return sink
}

// send sends one span, and returns the receiver's error.
func send(ctx context.Context, client otlptrace.Client, name string) error {
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return err
	}
	defer func() { _ = exporter.Shutdown(ctx) }()
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	_, span := provider.Tracer("test").Start(ctx, name)
	span.End()
	return exporter.ExportSpans(ctx, spans.GetSpans().Snapshots())
}

func clients(s *tracesink.Sink) map[string]otlptrace.Client {
	headers := map[string]string{"x-key": "k"}
	overHTTP := func(encoding otlptracehttp.Encoding) otlptrace.Client {
		return otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(s.HTTP()+"/v1/traces"), otlptracehttp.WithHeaders(headers),
			otlptracehttp.WithEncoding(encoding))
	}
	return map[string]otlptrace.Client{
		"grpc": otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL(s.GRPC()), otlptracegrpc.WithHeaders(headers)),
		"http": overHTTP(otlptracehttp.EncodingProtobuf),
		"json": overHTTP(otlptracehttp.EncodingJSON),
	}
}

func TestReceives(t *testing.T) {
	sink := start(t)
	for _, endpoint := range []string{sink.GRPC(), sink.HTTP()} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
			t.Errorf("it listens on %s", endpoint)
		}
	}
	n := 0
	for name, client := range clients(sink) {
		if err := send(t.Context(), client, name); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n++
		spans, err := sink.Await(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if got := spans[n-1]; got.Name != name || got.Scope != "test" || got.Ended.Before(got.Began) || time.Since(got.Began) > time.Minute {
			t.Errorf("%s: received %+v", name, got)
		}
		if got := sink.Headers()["x-key"]; len(got) != 1 || got[0] != "k" {
			t.Errorf("%s: x-key is %q", name, got)
		}
	}
}

func TestRefuses(t *testing.T) {
	sink := start(t)
	sink.Refuse()
	for name, client := range clients(sink) {
		if err := send(t.Context(), client, name); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if spans := sink.Spans(); len(spans) != 0 {
		t.Errorf("%d spans", len(spans))
	}
	sink.Receive()
	if err := send(t.Context(), clients(sink)["grpc"], "again"); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestHangs(t *testing.T) {
	sink := start(t)
	sink.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, client := range clients(sink) {
		if err := send(ctx, client, name); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if spans := sink.Spans(); len(spans) != 0 {
		t.Errorf("%d spans", len(spans))
	}
}
