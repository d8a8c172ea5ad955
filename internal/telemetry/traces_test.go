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

// soon has the SDK send what it has at once, as far as it can be told to.
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

// setOnly has the environment hold these variables of OpenTelemetry and no other.
func setOnly(t *testing.T, variables ...string) {
	t.Helper()
	for _, one := range os.Environ() {
		if name, _, _ := strings.Cut(one, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "") // which the SDK takes for unset
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

// newTraces makes those that the environment asks for.
func newTraces(t *testing.T, log io.Writer) *telemetry.Traces {
	t.Helper()
	traces, err := telemetry.NewTraces(t.Context(), os.LookupEnv, slog.New(telemetry.NewHandler(log, slog.LevelInfo)),
		telemetry.Service{Name: "jwtgate", Version: "v1.2.3", Instance: "replica"})
	if err != nil {
		t.Fatal(err)
	}
	if traces == nil {
		t.Fatal("no traces are sent")
	}
	t.Cleanup(func() { traces.Close(10 * time.Second) })
	return traces
}

// id is a decision's.
type id string

func (i id) String() string { return string(i) }

// root is the parent of a check that has none.
func root(string) string { return "" }

// parent is a trace context.
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

// await returns n spans.
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

// TestSpans: a span has the names of the conventions for RPC servers and those of
// a decision, and is a child of what the caller's trace context says.
func TestSpans(t *testing.T) {
	sink := startSink(t)
	setOnly(t, soon, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP())
	traces := newTraces(t, io.Discard)
	const trace, above = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	traces.Check(parent("00-"+trace+"-"+above+"-01", "vendor=1"), denied("expired", false))
	traces.Check(root, denied("keys_stale", true))
	// One that is not sampled, and contexts that are none.
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
	if child.Name != "service/Check" || child.Kind != "SPAN_KIND_SERVER" || child.Status != "STATUS_CODE_UNSET" || child.Scope != telemetry.Scope {
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
	if failed.Parent != "" || failed.Status != "STATUS_CODE_ERROR" || failed.Message != "keys_stale" || failed.Attributes["error.type"] != "keys_stale" {
		t.Errorf("the failed one is %+v", failed)
	}
	for _, s := range spans[2:] {
		if s.Parent != "" || s.TraceID == trace {
			t.Errorf("a context that is none became %s %s", s.TraceID, s.Parent)
		}
	}
}

// TestTracesEnvironment: what the variables of OpenTelemetry do.
func TestTracesEnvironment(t *testing.T) {
	sink := startSink(t)
	toGRPC, toHTTP := "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.GRPC(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP()
	service := func(s tracesink.Span) any { return s.Resource["service.name"] }
	for _, row := range []struct {
		name      string
		variables []string
		protocol  string // empty: off
		get       func(tracesink.Span) any
		want      any
	}{
		{"nothing", nil, "", nil, nil},
		{"an endpoint that is empty", []string{"OTEL_EXPORTER_OTLP_ENDPOINT="}, "", nil, nil},
		{"other settings alone", []string{"OTEL_SERVICE_NAME=x", "OTEL_TRACES_SAMPLER=always_on", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "", nil, nil},
		{"the exporter none", []string{toHTTP, "OTEL_TRACES_EXPORTER=none"}, "", nil, nil},
		{"disabled", []string{toHTTP, "OTEL_SDK_DISABLED=True"}, "", nil, nil},
		{"not disabled", []string{toHTTP, "OTEL_SDK_DISABLED=false"}, "http/protobuf", service, "jwtgate"},
		{"by default over HTTP", []string{toHTTP}, "http/protobuf", service, "jwtgate"},
		{"the exporter otlp", []string{toHTTP, "OTEL_TRACES_EXPORTER=otlp"}, "http/protobuf", service, "jwtgate"},
		{"over gRPC", []string{toGRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "grpc", service, "jwtgate"},
		{"as JSON", []string{toHTTP, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json"}, "http/json", service, "jwtgate"},
		{
			"those for traces come first",
			[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + sink.GRPC(), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"},
			"grpc", service, "jwtgate",
		},
		{"the endpoint for traces as it is", []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + sink.HTTP() + "/v1/traces"}, "http/protobuf", service, "jwtgate"},
		{"headers", []string{toHTTP, "OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b"}, "http/protobuf", func(tracesink.Span) any { return sink.Headers()["x-key"][0] }, "a b"},
		{"headers over gRPC", []string{toGRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_HEADERS=x-key=k"}, "grpc", func(tracesink.Span) any { return sink.Headers()["x-key"][0] }, "k"},
		{"compressed", []string{toGRPC, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}, "grpc", service, "jwtgate"},
		{"the service's name", []string{toHTTP, "OTEL_SERVICE_NAME=edge"}, "http/protobuf", service, "edge"},
		{"the service's name among its attributes", []string{toHTTP, "OTEL_RESOURCE_ATTRIBUTES=service.name=edge"}, "http/protobuf", service, "edge"},
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

// TestTracesMistakes: what leaves no way to send anything is an error that says
// what to write.
func TestTracesMistakes(t *testing.T) {
	for _, row := range []struct{ name, variables, want string }{
		{"another exporter", "OTEL_TRACES_EXPORTER=zipkin", `OTEL_TRACES_EXPORTER is "zipkin"; write otlp or none`},
		{"another protocol", "OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=udp", `the OTLP protocol is "udp"; write grpc, http/protobuf or http/json`},
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

// TestSampler: which checks have spans is the sampler's to say, or the parent's.
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
			traces.Close(10 * time.Second) // which sends all there are
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

// counts are the samples of jwtgate_spans_total.
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

// TestReceiverHangs: a receiver that hangs holds nobody up and takes no memory
// beyond the queue; what is too much is dropped and counted, to the span.
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

// TestReceiverRefuses: what is not taken is counted, told once, and so is its end.
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
	if want := []string{"WARN traces are not sent, and requests are decided without", "INFO traces are sent again"}; !slices.Equal(messages, want) {
		t.Errorf("logged %q, want %q", messages, want)
	}
}

// TestCloseIsBounded: a receiver that hangs does not hold up the end.
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

// TestSDKLogHoldsNoSecret: what the SDK says of a variable that it cannot read is
// told in the program's own log, without the value.
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
