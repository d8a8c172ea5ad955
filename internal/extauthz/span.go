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

// checkMethod names the RPC in spans, as gRPC's own path does.
const checkMethod = ServiceName + "/Check"

// span is what is told of a decision to whoever reads traces.
func span(began time.Time, d *gate.Decision) telemetry.Span {
	return telemetry.Span{
		Method: checkMethod, Began: began,
		Route: d.Route, Verdict: string(d.Verdict), Reason: string(d.Reason), Decision: d.ID,
		Failed: d.Denial != nil && d.Denial.Status >= http.StatusInternalServerError,
	}
}

// TraceID returns the trace id of the proxy's call that a context belongs to, in its 32
// hex digits (W3C Trace Context, traceparent); "" if it has none.
func TraceID(ctx context.Context) string { return telemetry.TraceID(parentOf(ctx)) }

// parentOf reads the trace context that Envoy has sent with a Check, in the
// metadata of the call. The headers in the CheckRequest are the client's own, who
// would so choose what its request is traced with.
func parentOf(ctx context.Context) func(name string) string {
	return func(name string) string {
		return strings.Join(metadata.ValueFromIncomingContext(ctx, name), ",")
	}
}
