package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// tokenShaped takes what looks like a JWT: its header begins with `{"`.
var tokenShaped = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`)

// start runs a program until the test ends. No test may pass in which it printed a token
// or a data race.
func start(t *testing.T, name string, cmd *exec.Cmd) *testutil.Process {
	t.Helper()
	return testutil.Start(t, name, cmd, func(t testing.TB, name, output string) {
		if token := tokenShaped.FindString(output); token != "" {
			t.Errorf("%s printed a token: %.40s...", name, token)
		}
		if strings.Contains(output, "DATA RACE") {
			t.Errorf("%s has a data race", name)
		}
	})
}

// result is the result of a run of jwtgate.
type result struct {
	code           int
	stdout, stderr string
}

// jwtgate runs the program until it ends, with these variables and those of
// bareEnvironment.
func jwtgate(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, jwtgateBinary, args...)
	cmd.Env = append(bareEnvironment(), env...)
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

// bareEnvironment returns the variables that any program needs, and none that configures
// jwtgate.
func bareEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
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
