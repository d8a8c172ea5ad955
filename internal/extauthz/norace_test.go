//go:build !race

package extauthz_test

import (
	"context"
	"testing"
)

// The race detector has pools lose what they hold, so that nobody relies on it.

// TestKnownTokenCostsNoMemory is the budget of a check whose token is known:
// none, from the bytes that grpc-go hands over to those that it takes.
func TestKnownTokenCostsNoMemory(t *testing.T) {
	check, message := checker(t)
	if n := testing.AllocsPerRun(1000, func() { check(context.Background(), message) }); n > 0 {
		t.Errorf("%.1f allocations", n)
	}
}
