//go:build !race

package extauthz_test

import (
	"context"
	"testing"
)

// With the race detector, a sync.Pool drops some of its values at random.

// TestKnownTokenAllocations limits the allocations of a Check with a known token, from the
// bytes that grpc-go passes to those that it sends: the text of the request, and the
// decision.
func TestKnownTokenAllocations(t *testing.T) {
	const most = 2
	check, message := checker(t)
	if n := testing.AllocsPerRun(1000, func() { check(context.Background(), message) }); n > most {
		t.Errorf("%.1f allocations, want at most %d", n, most)
	}
}
