package extauthz

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc/metadata"
)

// attemptTimeout is the metadata in which Envoy sends, in milliseconds, how long it waits
// for this attempt of a Check. The gRPC deadline is for all attempts together.
const attemptTimeout = "x-envoy-expected-rq-timeout-ms"

// budget is a context with the deadline of this attempt. It is not cancelled at the
// deadline; it only says how much time there is. It reads the metadata when Deadline is
// called, because few requests have to wait.
type budget struct {
	context.Context
	began time.Time
}

// Deadline returns the earlier of Envoy's two deadlines.
func (b *budget) Deadline() (time.Time, bool) {
	whole, bounded := b.Context.Deadline()
	values := metadata.ValueFromIncomingContext(b.Context, attemptTimeout)
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
