package extauthz

import (
	"context"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// checkMethod is the name of the RPC in spans, as in its gRPC path.
const checkMethod = ServiceName + "/Check"

// span returns the span of a decision.
func span(began time.Time, d *gate.Decision) telemetry.Span {
	return telemetry.Span{
		Method: checkMethod, Began: began,
		Route: d.Route, Verdict: string(d.Verdict), Reason: string(d.Reason), Decision: d.ID,
		Failed: d.Denial != nil && d.Denial.Status >= http.StatusInternalServerError,
	}
}

// TraceID returns the trace ID of the proxy's call that a context belongs to, as 32 hex
// digits (W3C Trace Context, traceparent), or "" if it has none.
func TraceID(ctx context.Context) string { return telemetry.TraceID(parentOf(ctx)) }

// parentOf returns a function that reads the trace context that Envoy sent with a Check, in
// the metadata of the call. The trace context among the headers of the CheckRequest is the
// client's, which must not choose the trace.
func parentOf(ctx context.Context) func(name string) string {
	return func(name string) string {
		return strings.Join(metadata.ValueFromIncomingContext(ctx, name), ",")
	}
}
