//go:build !race

package extauthz_test

import (
	"context"
	"testing"
)

// The race detector has pools lose what they hold, so that nobody relies on it.

// TestKnownTokenAllocations is the budget of a check whose token is known, from the bytes
// that grpc-go hands over to those that it takes: the text of the request, and the
// decision.
func TestKnownTokenAllocations(t *testing.T) {
	const most = 2
	check, message := checker(t)
	if n := testing.AllocsPerRun(1000, func() { check(context.Background(), message) }); n > most {
		t.Errorf("%.1f allocations, want at most %d", n, most)
	}
}
