package extauthz_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcmetadata "google.golang.org/grpc/metadata"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/telemetry"
	"github.com/jwtgate/jwtgate/internal/tracesink"
)

// traced is a fixture whose server sends traces, with their receiver.
type traced struct {
	*fixture
	traces *telemetry.Traces
	sink   *tracesink.Sink
}

func startTraced(t *testing.T, variables ...string) traced {
	t.Helper()
	sink, err := tracesink.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	for _, one := range os.Environ() {
		if name, _, _ := strings.Cut(one, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for _, one := range append(variables, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.GRPC()) {
		name, value, _ := strings.Cut(one, "=")
		t.Setenv(name, value)
	}
	traces, err := telemetry.NewTraces(t.Context(), os.LookupEnv, slog.New(slog.DiscardHandler), telemetry.Service{Name: "jwtgate"})
	if err != nil || traces == nil {
		t.Fatalf("traces %v: %v", traces, err)
	}
	f := start(t)
	to := observers(f.audit, telemetry.NewMetrics(telemetry.Build{}))
	to.Traces = traces
	f.serve(t, extauthz.NewServer(f.gate, to, slog.New(slog.NewJSONHandler(f.logs, nil)), nil, 1000))
	return traced{f, traces, sink}
}

// spans closes the traces, which sends all pending spans, and returns what was received.
func (f traced) spans() []tracesink.Span {
	f.traces.Close(20 * time.Second)
	return f.sink.Spans()
}

const (
	envoysTrace, envoysSpan = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	clientsTrace            = "cccccccccccccccccccccccccccccccc"
)

// TestSpanOfACheck checks that each Check has one span, whatever its result, and a health
// check has none.
func TestSpanOfACheck(t *testing.T) {
	f := startTraced(t)
	raw := f.mint(t, map[string]any{"sub": "alice-of-the-subject", "email": "alice@claims.example"})
	rows := []struct {
		name, route, verdict, reason, status string
		ask                                  *authv3.CheckRequest
	}{
		{"allowed", "readers", "allow", "allowed", "STATUS_CODE_UNSET", newRequest("GET", "/readers", "authorization: Bearer "+raw)},
		{"allowed by what is remembered", "readers", "allow", "allowed", "STATUS_CODE_UNSET",
			newRequest("GET", "/readers", "authorization: Bearer "+raw)},
		{"public", "open", "allow", "public", "STATUS_CODE_UNSET", newRequest("GET", "/open/x")},
		{"denied", "readers", "deny", "credential_missing", "STATUS_CODE_UNSET", newRequest("GET", "/readers")},
		{"before a route", "none", "deny", "path_refused", "STATUS_CODE_UNSET", newRequest("GET", "/a;b")},
		{"our fault", "none", "deny", "request_malformed", "STATUS_CODE_ERROR", &authv3.CheckRequest{}},
	}
	decisions := make([]any, len(rows))
	for i, row := range rows {
		decisions[i] = metadata(f.ask(t, row.ask))["decision"]
	}
	if _, err := f.health.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	spans := f.spans()
	if len(spans) != len(rows) {
		t.Fatalf("%d spans, want %d", len(spans), len(rows))
	}
	for i, row := range rows {
		want := map[string]any{
			"rpc.system.name": "grpc", "rpc.method": "envoy.service.auth.v3.Authorization/Check", "rpc.response.status_code": "OK",
			"jwtgate.route": row.route, "jwtgate.verdict": row.verdict, "jwtgate.reason": row.reason, "jwtgate.decision": decisions[i],
		}
		if row.status == "STATUS_CODE_ERROR" {
			want["error.type"] = row.reason
		}
		s := spans[i]
		if s.Name != "envoy.service.auth.v3.Authorization/Check" || s.Kind != "SPAN_KIND_SERVER" || s.Status != row.status ||
			!maps.Equal(s.Attributes, want) {
			t.Errorf("%s: %+v, want %s with %v", row.name, s, row.status, want)
		}
		if took := s.Ended.Sub(s.Began); took <= 0 || took > time.Minute {
			t.Errorf("%s: it took %v", row.name, took)
		}
	}
	sent := f.sink.Bytes()
	for _, secret := range append(strings.Split(raw, "."), "alice", "claims.example", "orders/read") {
		if bytes.Contains(sent, []byte(secret)) {
			t.Errorf("what was sent holds %.20q", secret)
		}
	}
	if !bytes.Contains(sent, []byte("readers")) {
		t.Error("what was sent is not what was looked at")
	}
}

// TestTheClientsTraceContextIsNotOurs checks that the parent comes from the metadata of the
// call, where Envoy puts it, and not from the headers of the request.
func TestTheClientsTraceContextIsNotOurs(t *testing.T) {
	f := startTraced(t)
	clients := "traceparent: 00-" + clientsTrace + "-cccccccccccccccc-01"
	ctx := grpcmetadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+envoysTrace+"-"+envoysSpan+"-01", "tracestate",
		"a=1", "tracestate", "b=2")
	for name, of := range map[string]context.Context{"of Envoy": ctx, "without": t.Context()} {
		if _, err := f.check.Check(of, newRequest("GET", "/open/"+name[:2], clients, "tracestate: client=1")); err != nil {
			t.Fatal(err)
		}
	}
	children, roots := 0, 0
	for _, s := range f.spans() {
		switch {
		case s.TraceID == clientsTrace || strings.Contains(s.State, "client"):
			t.Errorf("the client's context became %s %s", s.TraceID, s.State)
		case s.Parent == "":
			roots++
		case s.TraceID == envoysTrace && s.Parent == envoysSpan && s.State == "a=1,b=2":
			children++
		default:
			t.Errorf("a span of %s, %s, %q", s.TraceID, s.Parent, s.State)
		}
	}
	if children != 1 || roots != 1 {
		t.Errorf("%d children and %d roots", children, roots)
	}
}

// TestPanicHasASpan checks that a Check that panics has a span too, with its duration.
func TestPanicHasASpan(t *testing.T) {
	f := startTraced(t)
	fail := true
	g := newGate(t, "default: deny\nroutes: [{match: /**, access: public}]\n", nil, func() time.Time {
		if fail {
			fail = false
			panic("the clock stopped")
		}
		return time.Now()
	})
	to := observers(io.Discard, telemetry.NewMetrics(telemetry.Build{}))
	to.Traces = f.traces
	f.serve(t, extauthz.NewServer(g, to, slog.New(slog.DiscardHandler), nil, 1000))
	f.ask(t, newRequest("GET", "/x"))
	spans := f.spans()
	if len(spans) != 1 || spans[0].Attributes["jwtgate.reason"] != "internal" || spans[0].Status != "STATUS_CODE_ERROR" ||
		!spans[0].Ended.After(spans[0].Began) {
		t.Errorf("%+v", spans)
	}
}

// TestReceiverDelaysNoCheck checks that Checks are answered immediately while the receiver
// hangs and the queue is full, and after the receiver is gone.
func TestReceiverDelaysNoCheck(t *testing.T) {
	f := startTraced(t, "OTEL_BSP_MAX_QUEUE_SIZE=4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1")
	f.sink.Hang()
	slowest := func() (longest time.Duration) {
		for range 200 {
			began := time.Now()
			if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
				t.Fatalf("decided %s", got)
			}
			longest = max(longest, time.Since(began))
		}
		return longest
	}
	if took := slowest(); took > 2*time.Second {
		t.Errorf("a check took %v while the receiver hung", took)
	}
	f.sink.Close()
	if took := slowest(); took > 2*time.Second {
		t.Errorf("a check took %v when the receiver was gone", took)
	}
}

// BenchmarkTraced is BenchmarkKnownToken with a span for each Check.
func BenchmarkTraced(b *testing.B) {
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1") // no receiver is listening
	traces, err := telemetry.NewTraces(b.Context(), os.LookupEnv, slog.New(slog.DiscardHandler), telemetry.Service{Name: "jwtgate"})
	if err != nil {
		b.Fatal(err)
	}
	defer traces.Close(0)
	check, message := checkerTold(b, traces)
	b.ReportAllocs()
	for b.Loop() {
		check(context.Background(), message)
	}
}

// TestLinesHaveTheTraceID checks that a decision's line has the trace ID of Envoy's call,
// and never one that a client sends, in the request or in a malformed traceparent.
func TestLinesHaveTheTraceID(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for name, row := range map[string]struct {
		metadata []string
		want     any
	}{
		"Envoy's":          {[]string{"00-" + id + "-00f067aa0ba902b7-01"}, id},
		"not sampled":      {[]string{"00-" + id + "-00f067aa0ba902b7-00"}, id},
		"none":             {nil, nil},
		"two":              {[]string{"00-" + id + "-00f067aa0ba902b7-01", "00-" + id + "-00f067aa0ba902b7-01"}, nil},
		"all zero":         {[]string{"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"}, nil},
		"in capitals":      {[]string{"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01"}, nil},
		"too short":        {[]string{"00-4bf9-00f067aa0ba902b7-01"}, nil},
		"no hex":           {[]string{"00-" + strings.Repeat("x", 32) + "-00f067aa0ba902b7-01"}, nil},
		"of another shape": {[]string{id}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			ctx := t.Context()
			for _, parent := range row.metadata {
				ctx = grpcmetadata.AppendToOutgoingContext(ctx, "traceparent", parent)
			}
			if _, err := f.check.Check(ctx, newRequest("GET", "/closed",
				"traceparent: 00-"+strings.Repeat("c", 32)+"-cccccccccccccccc-01")); err != nil {
				t.Fatal(err)
			}
			lines := f.audit.all(t)
			if len(lines) != 1 || lines[0]["trace_id"] != row.want {
				t.Errorf("lines %v, want the trace %v", lines, row.want)
			}
		})
	}
}
