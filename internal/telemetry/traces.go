package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the instrumentation scope of the spans.
const Scope = "github.com/jwtgate/jwtgate"

// The protocols of OTLP.
const (
	protocolGRPC     = "grpc"
	protocolProtobuf = "http/protobuf" // the default
	protocolJSON     = "http/json"
)

// Service identifies the program in its spans. The variables OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES override it.
type Service struct {
	Name, Version, Instance string
}

// Traces sends a span of each check to an OTLP receiver. The environment variables
// of OpenTelemetry configure it; its SDK reads most of them. Create one with
// [NewTraces]. It is safe for concurrent use.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	counter  *spanCounter
	protocol string
}

// NewTraces returns nil unless the variables set an endpoint, or the exporter otlp,
// whose default endpoint is on this machine. An invalid variable is an error only if
// no spans could be sent at all. An unreachable receiver is not an error.
func NewTraces(ctx context.Context, getenv func(string) (string, bool), logger *slog.Logger, service Service) (*Traces, error) {
	protocol, err := exporterOf(getenv)
	if protocol == "" || err != nil {
		return nil, err
	}
	// The SDK reports its errors only through these two handlers of the process.
	// Without them it writes to standard error.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("traces", "error", err) }))
	otel.SetLogger(logr.FromSlogHandler(sdkLog{logger.Handler()}))

	var exporter sdktrace.SpanExporter
	if protocol == protocolGRPC {
		exporter, err = otlptracegrpc.New(ctx)
	} else {
		exporter, err = otlptracehttp.New(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	from, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		semconv.ServiceName(service.Name), semconv.ServiceVersion(service.Version), semconv.ServiceInstanceID(service.Instance),
	), resource.WithFromEnv())
	if err != nil { // from has the valid attributes
		logger.Warn("traces", "error", err)
	}
	counter := &spanCounter{SpanExporter: exporter, logger: logger}
	batches := sdktrace.NewBatchSpanProcessor(counter, func(o *sdktrace.BatchSpanProcessorOptions) {
		counter.most = int64(o.MaxQueueSize)
	})
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(from), sdktrace.WithSpanProcessor(spanQueue{batches, counter}))
	return &Traces{
		provider: provider, counter: counter, protocol: protocol,
		tracer: provider.Tracer(Scope, trace.WithInstrumentationVersion(service.Version), trace.WithSchemaURL(semconv.SchemaURL)),
	}, nil
}

// exporterOf returns the protocol for sending spans, or "" if none are to be sent.
// The SDK leaves this choice to the program.
func exporterOf(getenv func(string) (string, bool)) (protocol string, err error) {
	first := func(names ...string) string {
		for _, name := range names {
			if value, _ := getenv(name); strings.TrimSpace(value) != "" {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	if strings.EqualFold(first("OTEL_SDK_DISABLED"), "true") {
		return "", nil
	}
	switch exporter := first("OTEL_TRACES_EXPORTER"); exporter {
	case "otlp":
	case "none":
		return "", nil
	case "":
		if first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
			return "", nil
		}
	default:
		return "", fmt.Errorf("OTEL_TRACES_EXPORTER is %q; expected otlp or none", exporter)
	}
	switch protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "":
		return protocolProtobuf, nil
	case protocolGRPC, protocolProtobuf, protocolJSON:
		return protocol, nil
	default:
		return "", fmt.Errorf("the OTLP protocol is %q; expected %s, %s or %s", protocol, protocolGRPC, protocolProtobuf, protocolJSON)
	}
}

// Protocol returns the OTLP protocol that is used.
func (t *Traces) Protocol() string { return t.protocol }

// Span describes one check. It must not contain any part of a token.
type Span struct {
	Method                 string // of the RPC, with its service
	Began                  time.Time
	Route, Verdict, Reason string
	Decision               fmt.Stringer // its id
	Failed                 bool         // for a reason that is not the client's fault
}

// Check queues the span of a decided check. parent returns the headers of W3C Trace
// Context that the caller of the RPC sent, by name. Check never blocks.
func (t *Traces) Check(parent func(name string) string, s Span) {
	ctx := parentContext(parent)
	// Set the attributes at the start, so that a sampler can use them.
	_, span := t.tracer.Start(ctx, s.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(s.Began), trace.WithAttributes(
		semconv.RPCSystemNameGRPC, semconv.RPCMethod(s.Method),
		attribute.String("jwtgate.route", s.Route), attribute.String("jwtgate.verdict", s.Verdict), attribute.String("jwtgate.reason", s.Reason),
	))
	defer span.End()
	if !span.IsRecording() {
		return
	}
	// A denial is not an error of the RPC.
	span.SetAttributes(attribute.String("jwtgate.decision", s.Decision.String()), semconv.RPCResponseStatusCode("OK"))
	if s.Failed {
		span.SetAttributes(semconv.ErrorTypeKey.String(s.Reason))
		span.SetStatus(codes.Error, s.Reason)
	}
}

// TraceID returns the trace id of a caller's trace context (see [Traces.Check]) as 32
// hex digits, or "" if there is none or it is invalid.
func TraceID(parent func(name string) string) string {
	if id := trace.SpanContextFromContext(parentContext(parent)).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// parentContext returns a context with the caller's trace context.
func parentContext(parent func(name string) string) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), carrier(parent))
}

// Close sends the queued spans, but waits at most for limit. Later spans are lost.
func (t *Traces) Close(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.counter.logger.Warn("the last traces were not sent", "error", err)
	}
}

// carrier is a read-only [propagation.TextMapCarrier].
type carrier func(name string) string

// Get returns a header.
func (c carrier) Get(name string) string { return c(name) }

// Set does nothing; only Inject calls it.
func (carrier) Set(string, string) {}

// Keys returns nothing; TraceContext does not call it.
func (carrier) Keys() []string { return nil }

// sdkLog writes the SDK's log to the program's log, without the attributes other
// than the error: one of them may be a header with a secret.
type sdkLog struct{ slog.Handler }

// Enabled reports true for warnings and errors only.
func (h sdkLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs drops the attributes.
func (h sdkLog) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup drops the group.
func (h sdkLog) WithGroup(string) slog.Handler { return h }

// Handle logs the message and its error.
func (h sdkLog) Handle(ctx context.Context, r slog.Record) error {
	bare := slog.NewRecord(r.Time, r.Level, "traces: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" {
			bare.AddAttrs(slog.Any("error", a.Value.Any()))
		}
		return true
	})
	return h.Handler.Handle(ctx, bare)
}
