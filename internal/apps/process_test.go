//go:build apps

package apps

import (
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// start runs a program until the test ends. It asks the program to end first, so that
// it ends its own workers.
func start(t *testing.T, name string, cmd *exec.Cmd) *testutil.Process {
	t.Helper()
	p := testutil.Start(t, name, cmd)
	t.Cleanup(func() {
		_ = p.Cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.Exited:
		case <-time.After(5 * time.Second):
		}
	})
	return p
}

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
