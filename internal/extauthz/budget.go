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
// at that time: it only says how much time there is to spend, and looks for that
// only when it is asked, since few requests have to wait for anything.
type budget struct {
	context.Context
	began time.Time
}

// Deadline returns the earlier of Envoy's two deadlines.
func (b *budget) Deadline() (time.Time, bool) {
	whole, bounded := b.Context.Deadline()
	values := metadata.ValueFromIncomingContext(b.Context, expectedTimeout)
	if len(values) == 0 {
		return whole, bounded
	}
	milliseconds, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil {
		return whole, bounded
	}
	deadline := b.began.Add(time.Duration(milliseconds) * time.Millisecond)
	if bounded && whole.Before(deadline) {
		return whole, true
	}
	return deadline, true
}
