//go:build apps

package apps

import (
	"fmt"
	"net"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// ports are those of all tests of this package.
var ports testutil.Ports

// freeAddress returns a loopback host:port that no program listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	return ports.FreeAddress(t)
}

// port returns the port of host:port.
func port(address string) string {
	_, number, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Sprint(err)
	}
	return number
}
