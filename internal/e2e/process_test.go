package e2e

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// result is the result of a run of jwtgate.
type result struct {
	code           int
	stdout, stderr string
}

// jwtgate runs the program until it ends, with these variables and those of
// programs.Environment.
func jwtgate(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, jwtgateBinary, args...)
	cmd.Env = append(programs.Environment(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running jwtgate %q: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("jwtgate %q did not end; it printed\n%s%s", args, stdout.String(), stderr.String())
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// eventually calls try until it returns nil; it fails the test with the last error.
func eventually(t *testing.T, within time.Duration, what string, try func() error) {
	t.Helper()
	testutil.Eventually(t, within, what, try)
}

// ports are those of all tests of this package.
var ports testutil.Ports

// freeAddress returns a loopback host:port that no program listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	return ports.FreeAddress(t)
}
