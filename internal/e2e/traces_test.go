package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/tracesink"
)

// startSink runs a receiver of traces until the test ends.
func startSink(t *testing.T) *tracesink.Sink {
	t.Helper()
	sink, err := tracesink.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	return sink
}

// fenced returns the code block of a page after a comment.
func fenced(t *testing.T, page, comment string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "<!-- "+comment+" -->\n```") // yaml, or text on a page whose YAML is the gate's
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatalf("the page has no block %q", comment)
	}
	return block
}

// check is the name of jwtgate's spans.
const check = "envoy.service.auth.v3.Authorization/Check"

// TestTracesThroughEnvoy: with the tracer of docs/operating.md in the shipped file,
// jwtgate's span is a child of Envoy's span for the call, in the client's trace; health
// checks have none.
func TestTracesThroughEnvoy(t *testing.T) {
	sink, issuers, application := startSink(t), startIssuers(t), startApplication(t)
	file := testutil.File(t, "jwtgate.yaml",
		twoIssuers+"routes: [{name: admin, match: '/api/admin/**', issuers: [cruddur], groups: [admin]}]\n")
	gate := startGate(t, file, append(issuers.environment(),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+sink.GRPC(), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=100")...)
	gate.waitReady(t)
	page := read(t, "../../docs/operating.md")
	collector := strings.Replace(fenced(t, page, "envoy collector"), "address: collector, port_value: 4317",
		"address: 127.0.0.1, port_value: "+port(sink.GRPC()), 1)
	const filters, clusters = "          http_filters:\n", "  clusters:\n"
	shipped := derivedEnvoy(t, gate.address, application.address,
		filters, fenced(t, page, "envoy tracing")+filters, clusters, clusters+collector)

	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	answer := http1(t, shipped.address, call{line: "GET /api/admin/x", headers: []string{
		bearer(mint(t, issuers.cruddur, access(nil))), "traceparent: 00-" + trace + "-00f067aa0ba902b7-01", "tracestate: of=client",
	}})
	forbidden("group_missing").check(t, answer)
	eventually(t, 20*time.Second, "the trace", func() error { // Envoy sends its own every 5 s
		byID := map[string]tracesink.Span{}
		var ours []tracesink.Span
		for _, s := range sink.Spans() {
			byID[s.SpanID] = s
			if s.Name == check {
				ours = append(ours, s)
			}
		}
		if len(ours) != 1 {
			return fmt.Errorf("%d spans of ours", len(ours))
		}
		span := ours[0]
		above, seen := byID[span.Parent]
		if !seen {
			return fmt.Errorf("the parent %q is not there", span.Parent)
		}
		if span.TraceID != trace || span.Attributes["jwtgate.reason"] != "group_missing" ||
			span.Attributes["jwtgate.route"] != "admin" || span.Resource["service.name"] != "jwtgate" {
			t.Errorf("the span is %+v", span)
		}
		if above.TraceID != trace || above.Resource["service.name"] != "envoy" || above.Kind != "SPAN_KIND_CLIENT" {
			t.Errorf("its parent is %+v", above)
		}
		if edge, seen := byID[above.Parent]; !seen {
			return fmt.Errorf("the parent's parent %q is not there", above.Parent)
		} else if edge.Parent != "00f067aa0ba902b7" || edge.Kind != "SPAN_KIND_SERVER" {
			t.Errorf("the edge's span is %+v", edge)
		}
		return nil
	})
}

// TestTracesAtShutdown: the server sends the remaining spans at its end, after the drain; a
// receiver that is gone by then delays it only briefly.
func TestTracesAtShutdown(t *testing.T) {
	issuers := startIssuers(t)
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprintf("gone %v", gone), func(t *testing.T) {
			sink := startSink(t)
			gate := startGate(t, testutil.File(t, "jwtgate.yaml", twoIssuers), append(issuers.environment(),
				"OTEL_EXPORTER_OTLP_ENDPOINT="+sink.HTTP(), "OTEL_BSP_SCHEDULE_DELAY=600000")...)
			const checks = 3
			for range checks {
				if err := gate.answers(t); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(sink.Spans()); n != 0 {
				t.Fatalf("%d spans are there already", n)
			}
			if gone {
				sink.Hang()
			}
			gate.Terminate(t)
			if code := gate.Wait(t, 10*time.Second); code != 0 {
				t.Errorf("exit %d", code)
			}
			if gone {
				if len(gate.logged(t, "the last traces were not sent")) != 1 {
					t.Error("the log does not say so")
				}
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if spans, err := sink.Await(ctx, checks); err != nil || len(spans) != checks {
				t.Errorf("%d spans: %v", len(spans), err)
			}
		})
	}
}

// TestInvalidTraceVariables: the program reports variables that it cannot use, and serves.
func TestInvalidTraceVariables(t *testing.T) {
	issuers := startIssuers(t)
	gate := startGate(t, testutil.File(t, "jwtgate.yaml", twoIssuers), append(issuers.environment(), "OTEL_TRACES_EXPORTER=zipkin")...)
	if err := gate.answers(t); err != nil {
		t.Fatal(err)
	}
	if lines := gate.logged(t, "tracing is disabled"); len(lines) != 1 || lines[0]["level"] != "ERROR" ||
		lines[0]["error"] != `OTEL_TRACES_EXPORTER is "zipkin"; expected otlp or none` {
		t.Errorf("logged %v", lines)
	}
	if _, body, err := gate.adminGet(t, "/metrics"); err != nil || strings.Contains(body, "jwtgate_spans_total") {
		t.Errorf("spans are counted: %v", err)
	}
}
