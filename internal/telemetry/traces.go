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

// Scope names what makes the spans (the instrumentation scope).
const Scope = "github.com/jwtgate/jwtgate"

// The protocols of OTLP.
const (
	protocolGRPC     = "grpc"
	protocolProtobuf = "http/protobuf" // unless told otherwise
	protocolJSON     = "http/json"
)

// Service is what spans say of the program that makes them, unless the variables
// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say otherwise.
type Service struct {
	Name, Version, Instance string
}

// Traces sends a span of each check to a receiver that speaks OTLP. It is set by
// the variables of OpenTelemetry, most of which its SDK reads by itself. Make one
// with [NewTraces]. It is safe for concurrent use.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	tally    *tally
	protocol string
}

// NewTraces returns nil unless a receiver is configured: an endpoint, or the
// exporter otlp, which then means the receiver on this machine. What is wrong with
// the variables is an error only where it leaves no way to send anything. That the
// receiver is not there is none.
func NewTraces(ctx context.Context, getenv func(string) (string, bool), logger *slog.Logger, service Service) (*Traces, error) {
	protocol, err := exporterOf(getenv)
	if protocol == "" || err != nil {
		return nil, err
	}
	// The SDK tells what is wrong by way of these two alone, which are the
	// process's, and else writes to standard error.
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
	if err != nil { // what could be read of it stands
		logger.Warn("traces", "error", err)
	}
	t := &tally{SpanExporter: exporter, logger: logger}
	batches := sdktrace.NewBatchSpanProcessor(t, func(o *sdktrace.BatchSpanProcessorOptions) { t.most = int64(o.MaxQueueSize) })
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(from), sdktrace.WithSpanProcessor(counted{batches, t}))
	return &Traces{
		provider: provider, tally: t, protocol: protocol,
		tracer: provider.Tracer(Scope, trace.WithInstrumentationVersion(service.Version), trace.WithSchemaURL(semconv.SchemaURL)),
	}, nil
}

// exporterOf returns the protocol in which spans are sent, or nothing. The SDK
// leaves this choice to the program.
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
		return "", fmt.Errorf("OTEL_TRACES_EXPORTER is %q; write otlp or none", exporter)
	}
	switch protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "":
		return protocolProtobuf, nil
	case protocolGRPC, protocolProtobuf, protocolJSON:
		return protocol, nil
	default:
		return "", fmt.Errorf("the OTLP protocol is %q; write %s, %s or %s", protocol, protocolGRPC, protocolProtobuf, protocolJSON)
	}
}

// Protocol is that in which spans are sent.
func (t *Traces) Protocol() string { return t.protocol }

// Span is what is told of one check. It never holds anything of a token.
type Span struct {
	Method                 string // of the RPC, with its service
	Began                  time.Time
	Route, Verdict, Reason string
	Decision               fmt.Stringer // its id
	Failed                 bool         // for a reason that is not the client's
}

// Check sends the span of a check that is decided. parent returns the trace
// context that the caller of the RPC has sent by these names (W3C Trace Context).
// It never waits.
func (t *Traces) Check(parent func(name string) string, s Span) {
	ctx := callers(parent)
	// Its attributes are there at once, so that a sampler may ask for them.
	_, span := t.tracer.Start(ctx, s.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(s.Began), trace.WithAttributes(
		semconv.RPCSystemNameGRPC, semconv.RPCMethod(s.Method),
		attribute.String("jwtgate.route", s.Route), attribute.String("jwtgate.verdict", s.Verdict), attribute.String("jwtgate.reason", s.Reason),
	))
	defer span.End()
	if !span.IsRecording() {
		return
	}
	// The RPC never fails: a denial is its answer.
	span.SetAttributes(attribute.String("jwtgate.decision", s.Decision.String()), semconv.RPCResponseStatusCode("OK"))
	if s.Failed {
		span.SetAttributes(semconv.ErrorTypeKey.String(s.Reason))
		span.SetStatus(codes.Error, s.Reason)
	}
}

// TraceID returns the trace id of a caller's trace context (see [Traces.Check]) in its
// 32 hex digits; "" if it has none, or one that the standard does not allow.
func TraceID(parent func(name string) string) string {
	if id := trace.SpanContextFromContext(callers(parent)).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// callers is a context with the trace context that a caller has sent.
func callers(parent func(name string) string) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), carrier(parent))
}

// Close sends what waits, for limit at most. Later spans are gone.
func (t *Traces) Close(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.tally.logger.Warn("the last traces were not sent", "error", err)
	}
}

// carrier is a trace context that is only read.
type carrier func(name string) string

// Get returns a value.
func (c carrier) Get(name string) string { return c(name) }

// Set does nothing.
func (carrier) Set(string, string) {}

// Keys knows none.
func (carrier) Keys() []string { return nil }

// sdkLog takes what the SDK says of itself into the program's log, without the
// values that it adds: one may be a header with a secret.
type sdkLog struct{ slog.Handler }

// Enabled leaves out all but warnings and errors.
func (h sdkLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs is never asked for.
func (h sdkLog) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup is never asked for.
func (h sdkLog) WithGroup(string) slog.Handler { return h }

// Handle writes the message and its error.
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
