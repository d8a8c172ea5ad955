package extauthz

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc/metadata"
)

// expectedTimeout is the metadata in which Envoy says, in milliseconds, how
// long it waits for this try of a Check. The gRPC deadline is that of all tries
// together.
const expectedTimeout = "x-envoy-expected-rq-timeout-ms"

// budget is a context whose deadline is that of this try. It is not cancelled
// at that time: it only says how much time there is to spend.
type budget struct {
	context.Context
	deadline time.Time
}

// Deadline returns the earlier of Envoy's two deadlines.
func (b budget) Deadline() (time.Time, bool) { return b.deadline, true }

// withBudget returns ctx with the deadline of this try, if Envoy says one that
// is earlier.
func withBudget(ctx context.Context, now time.Time) context.Context {
	values := metadata.ValueFromIncomingContext(ctx, expectedTimeout)
	if len(values) == 0 {
		return ctx
	}
	milliseconds, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil {
		return ctx
	}
	deadline := now.Add(time.Duration(milliseconds) * time.Millisecond)
	if whole, ok := ctx.Deadline(); ok && whole.Before(deadline) {
		return ctx
	}
	return budget{Context: ctx, deadline: deadline}
}
