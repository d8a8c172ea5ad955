package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/telemetry"
	"github.com/jwtgate/jwtgate/internal/tracesink"
)

// soon makes the SDK send spans after 20 ms.
const soon = "OTEL_BSP_SCHEDULE_DELAY=20"

func startSink(t *testing.T) *tracesink.Sink {
	t.Helper()
	sink, err := tracesink.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return sink
}

// setOnly sets these variables of OpenTelemetry and unsets all others.
func setOnly(t *testing.T, variables ...string) {
	t.Helper()
	for _, one := range os.Environ() {
		if name, _, _ := strings.Cut(one, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "") // for the SDK, the same as unset
		}
	}
	for _, one := range variables {
		name, value, _ := strings.Cut(one, "=")
		t.Setenv(name, value)
	}
}

// logged collects log lines.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newTraces returns the Traces that the environment configures.
func newTraces(t *testing.T, log io.Writer) *telemetry.Traces {
	t.Helper()
	traces, err := telemetry.NewTraces(t.Context(), os.LookupEnv, slog.New(telemetry.NewHandler(log, slog.LevelInfo)),
		telemetry.Service{Name: "jwtgate", Version: "v1.2.3", Instance: "replica"})
	if err != nil {
		t.Fatal(err)
	}
	if traces == nil {
		t.Fatal("NewTraces returned nil")
	}
	t.Cleanup(func() { traces.Close(10 * time.Second) })
	return traces
}

// id is the id of a decision.
type id string

func (i id) String() string { return string(i) }

// root is an empty trace context.
func root(string) string { return "" }

// parent returns a trace context.
func parent(traceparent, tracestate string) func(string) string {
	return func(name string) string {
		return map[string]string{"traceparent": traceparent, "tracestate": tracestate}[name]
	}
}

func denied(reason string, failed bool) telemetry.Span {
	return telemetry.Span{
		Method: "service/Check", Began: time.Now().Add(-time.Millisecond), Route: "admin", Verdict: "deny", Reason: reason,
		Decision: id("replica-1"), Failed: failed,
	}
}

// await waits for n spans.
func await(t *testing.T, sink *tracesink.Sink, n int) []tracesink.Span {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	spans, err := sink.Await(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return spans
}

// A span has the attributes of the conventions for RPC servers and those of a
// decision, and its parent is the one in the caller's trace context.
func TestSpans(t *testing.T) {
	sink := startSink(t)
	setOnly(t, soon, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP())
	traces := newTraces(t, io.Discard)
	const trace, above = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	traces.Check(parent("00-"+trace+"-"+above+"-01", "vendor=1"), denied("expired", false))
	traces.Check(root, denied("keys_stale", true))
	// A context that is not sampled, and two invalid ones.
	traces.Check(parent("00-"+trace+"-"+above+"-00", ""), denied("expired", false))
	traces.Check(parent("00-"+trace+"-"+above+"-01,00-"+trace+"-"+above+"-01", ""), denied("expired", false))
	traces.Check(parent("nonsense", ""), denied("expired", false))
	traces.Close(10 * time.Second)
	spans := await(t, sink, 4)
	if len(spans) != 4 {
		t.Fatalf("%d spans", len(spans))
	}
	child, failed := spans[0], spans[1]
	if child.TraceID != trace || child.Parent != above || child.State != "vendor=1" {
		t.Errorf("the child's context is %s %s %q", child.TraceID, child.Parent, child.State)
	}
	if child.Name != "service/Check" || child.Kind != "SPAN_KIND_SERVER" || child.Status != "STATUS_CODE_UNSET" ||
		child.Scope != telemetry.Scope {
		t.Errorf("the child is %+v", child)
	}
	if took := child.Ended.Sub(child.Began); took < time.Millisecond || took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	want := map[string]any{
		"rpc.system.name": "grpc", "rpc.method": "service/Check", "rpc.response.status_code": "OK",
		"jwtgate.route": "admin", "jwtgate.verdict": "deny", "jwtgate.reason": "expired", "jwtgate.decision": "replica-1",
	}
	if !maps.Equal(child.Attributes, want) {
		t.Errorf("attributes %v, want %v", child.Attributes, want)
	}
	if failed.Parent != "" || failed.Status != "STATUS_CODE_ERROR" || failed.Message != "keys_stale" ||
		failed.Attributes["error.type"] != "keys_stale" {
		t.Errorf("the failed one is %+v", failed)
	}
	for _, s := range spans[2:] {
		if s.Parent != "" || s.TraceID == trace {
			t.Errorf("an invalid context became %s %s", s.TraceID, s.Parent)
		}
	}
}

// The variables of OpenTelemetry configure the traces.
func TestTracesEnvironment(t *testing.T) {
	sink := startSink(t)
	toGRPC, toHTTP := "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.GRPC(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP()
	service := func(s tracesink.Span) any { return s.Resource["service.name"] }
	header := func(tracesink.Span) any { return sink.Headers()["x-key"][0] }
	for _, row := range []struct {
		name      string
		variables []string
		protocol  string // empty: off
		get       func(tracesink.Span) any
		want      any
	}{
		{"nothing", nil, "", nil, nil},
		{"an endpoint that is empty", []string{"OTEL_EXPORTER_OTLP_ENDPOINT="}, "", nil, nil},
		{"only other variables", []string{"OTEL_SERVICE_NAME=x", "OTEL_TRACES_SAMPLER=always_on", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
			"", nil, nil},
		{"the exporter none", []string{toHTTP, "OTEL_TRACES_EXPORTER=none"}, "", nil, nil},
		{"disabled", []string{toHTTP, "OTEL_SDK_DISABLED=True"}, "", nil, nil},
		{"not disabled", []string{toHTTP, "OTEL_SDK_DISABLED=false"}, "http/protobuf", service, "jwtgate"},
		{"by default over HTTP", []string{toHTTP}, "http/protobuf", service, "jwtgate"},
		{"the exporter otlp", []string{toHTTP, "OTEL_TRACES_EXPORTER=otlp"}, "http/protobuf", service, "jwtgate"},
		{"over gRPC", []string{toGRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "grpc", service, "jwtgate"},
		{"as JSON", []string{toHTTP, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json"}, "http/json", service, "jwtgate"},
		{
			"the variables for traces take precedence",
			[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + sink.GRPC(), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"},
			"grpc", service, "jwtgate",
		},
		{"the endpoint for traces is used unchanged", []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + sink.HTTP() + "/v1/traces"},
			"http/protobuf", service, "jwtgate"},
		{"headers", []string{toHTTP, "OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b"}, "http/protobuf", header, "a b"},
		{"headers over gRPC", []string{toGRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_HEADERS=x-key=k"}, "grpc", header, "k"},
		{"compressed", []string{toGRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}, "grpc", service, "jwtgate"},
		{"the service's name", []string{toHTTP, "OTEL_SERVICE_NAME=edge"}, "http/protobuf", service, "edge"},
		{"the service's name among its attributes", []string{toHTTP, "OTEL_RESOURCE_ATTRIBUTES=service.name=edge"},
			"http/protobuf", service, "edge"},
		{
			"attributes", []string{toHTTP, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=prod,service.version=9"}, "http/protobuf",
			func(s tracesink.Span) any {
				return fmt.Sprint(s.Resource["deployment.environment.name"], s.Resource["service.version"], s.Resource["service.instance.id"])
			}, "prod9replica",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			setOnly(t, append(row.variables, soon)...)
			if row.protocol == "" {
				traces, err := telemetry.NewTraces(t.Context(), os.LookupEnv, slog.New(slog.DiscardHandler), telemetry.Service{})
				if traces != nil || err != nil {
					t.Errorf("%v, %v: want neither", traces, err)
				}
				return
			}
			before := len(sink.Spans())
			traces := newTraces(t, io.Discard)
			if traces.Protocol() != row.protocol {
				t.Errorf("protocol %q, want %q", traces.Protocol(), row.protocol)
			}
			traces.Check(root, denied("expired", false))
			spans := await(t, sink, before+1)
			if got := row.get(spans[before]); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

// Variables with which no spans could be sent are an error, with the expected values.
func TestTracesMistakes(t *testing.T) {
	for _, row := range []struct{ name, variables, want string }{
		{"another exporter", "OTEL_TRACES_EXPORTER=zipkin", `OTEL_TRACES_EXPORTER is "zipkin"; expected otlp or none`},
		{"another protocol", "OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=udp",
			`the OTLP protocol is "udp"; expected grpc, http/protobuf or http/json`},
	} {
		t.Run(row.name, func(t *testing.T) {
			setOnly(t, strings.Fields(row.variables)...)
			traces, err := telemetry.NewTraces(t.Context(), os.LookupEnv, slog.New(slog.DiscardHandler), telemetry.Service{})
			if traces != nil || err == nil || err.Error() != row.want {
				t.Errorf("%v, %v, want %s", traces, err, row.want)
			}
		})
	}
}

// The sampler, or the parent span, determines which checks have spans.
func TestSampler(t *testing.T) {
	sampled, unsampled := strings.Repeat("a", 32), strings.Repeat("b", 32) // traces
	for _, row := range []struct{ name, sampler, argument, want string }{
		{"default", "", "", "root sampled"},
		{"always_on", "always_on", "", "root sampled unsampled"},
		{"always_off", "always_off", "", ""},
		{"none of the roots", "parentbased_traceidratio", "0", "sampled"},
		{"all of the roots", "parentbased_traceidratio", "1", "root sampled"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sink := startSink(t)
			setOnly(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP(), "OTEL_TRACES_SAMPLER="+row.sampler, "OTEL_TRACES_SAMPLER_ARG="+row.argument)
			traces := newTraces(t, io.Discard)
			traces.Check(parent("00-"+sampled+"-00f067aa0ba902b7-01", ""), denied("expired", false))
			traces.Check(parent("00-"+unsampled+"-00f067aa0ba902b7-00", ""), denied("expired", false))
			traces.Check(root, denied("expired", false))
			traces.Close(10 * time.Second) // sends all spans
			var got []string
			for _, s := range sink.Spans() {
				of, known := map[string]string{sampled: "sampled", unsampled: "unsampled"}[s.TraceID]
				if !known {
					of = "root"
				}
				got = append(got, of)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != row.want {
				t.Errorf("spans of %q, want %q", got, row.want)
			}
		})
	}
}

// counts returns the samples of jwtgate_spans_total.
func counts(t *testing.T, a *admin) string {
	t.Helper()
	_, body := a.do(t, "GET", "/metrics")
	var lines []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "jwtgate_spans_total{") {
			lines = append(lines, strings.TrimSuffix(strings.TrimPrefix(line, "jwtgate_spans_total"), "\n"))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// A hanging receiver delays no check and uses no memory beyond the queue. Each span
// for which the queue has no room is dropped and counted.
func TestReceiverHangs(t *testing.T) {
	sink := startSink(t)
	sink.Hang()
	setOnly(t, soon, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP(), "OTEL_BSP_MAX_QUEUE_SIZE=8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=3")
	a, log := startAdmin(t), &logged{}
	traces := newTraces(t, log)
	a.metrics.RegisterTraces(traces)
	began := time.Now()
	for range 100 {
		traces.Check(root, denied("expired", false))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("100 checks took %v", took)
	}
	if got, want := counts(t, a), `{result="dropped"} 92 {result="failed"} 0 {result="sent"} 0`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	sink.Receive()
	await(t, sink, 8)
	traces.Close(10 * time.Second)
	if got, want := counts(t, a), `{result="dropped"} 92 {result="failed"} 0 {result="sent"} 8`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Rejected spans are counted, and the first failure and the recovery are logged.
func TestReceiverRefuses(t *testing.T) {
	sink := startSink(t)
	sink.Refuse()
	setOnly(t, soon, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP(), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1")
	a, log := startAdmin(t), &logged{}
	traces := newTraces(t, log)
	a.metrics.RegisterTraces(traces)
	for range 3 {
		traces.Check(root, denied("expired", false))
	}
	for limit := time.Now().Add(20 * time.Second); counts(t, a) != `{result="dropped"} 0 {result="failed"} 3 {result="sent"} 0`; {
		if time.Now().After(limit) {
			t.Fatalf("%s", counts(t, a))
		}
	}
	sink.Receive()
	traces.Check(root, denied("expired", false))
	await(t, sink, 1)
	traces.Close(10 * time.Second)
	var messages []string
	for line := range strings.Lines(log.String()) {
		var one struct{ Level, Msg, Error string }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		messages = append(messages, one.Level+" "+one.Msg)
	}
	want := []string{"WARN sending traces failed; requests are still decided", "INFO sending traces recovered"}
	if !slices.Equal(messages, want) {
		t.Errorf("logged %q, want %q", messages, want)
	}
}

// Close does not wait for a hanging receiver longer than its limit.
func TestCloseIsBounded(t *testing.T) {
	sink := startSink(t)
	sink.Hang()
	setOnly(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.GRPC(), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
	log := &logged{}
	traces := newTraces(t, log)
	traces.Check(root, denied("expired", false))
	began := time.Now()
	traces.Close(50 * time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(log.String(), "the last traces were not sent") {
		t.Errorf("logged %s", log.String())
	}
}

// The SDK's errors about invalid variables are in the program's log, without the
// variables' values.
func TestSDKLogHoldsNoSecret(t *testing.T) {
	sink := startSink(t)
	setOnly(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP(), "OTEL_EXPORTER_OTLP_HEADERS=hunter2", "OTEL_TRACES_SAMPLER=sometimes")
	log := &logged{}
	newTraces(t, log)
	for _, want := range []string{`"msg":"traces: parse headers"`, "unsupported sampler: sometimes"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log: %s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log holds the value: %s", log.String())
	}
}
