package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestServeSettings: a flag overrides a variable, which overrides the file, which overrides
// the default.
func TestServeSettings(t *testing.T) {
	alone(t)
	ports := func(n int) []string { // free a moment ago
		var free []string
		for range n {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			free = append(free, l.Addr().String())
		}
		return free
	}
	free := ports(6)
	file := testutil.File(t, "jwtgate.yaml",
		strings.Replace(strings.Replace(publicYAML, "127.0.0.1:0", free[0], 1), "127.0.0.1:0", free[1], 1))
	listens := func(t *testing.T, want [2]string, args ...string) {
		t.Helper()
		s := serve(t, args...)
		if got := [2]string{s.listen, s.admin}; got != want {
			t.Errorf("listens at %v, want %v", got, want)
		}
		if code := s.stop(t); code != exitYes {
			t.Errorf("exit code %d", code)
		}
	}
	t.Run("file", func(t *testing.T) { listens(t, [2]string{free[0], free[1]}, "--config", file) })
	t.Setenv("JWTGATE_CONFIG", file)
	t.Run("file named by a variable", func(t *testing.T) { listens(t, [2]string{free[0], free[1]}) })
	t.Setenv("JWTGATE_LISTEN", free[2])
	t.Setenv("JWTGATE_ADMIN_LISTEN", free[3])
	t.Run("variable before file", func(t *testing.T) { listens(t, [2]string{free[2], free[3]}) })
	t.Run("flag before variable", func(t *testing.T) {
		listens(t, [2]string{free[4], free[5]}, "--listen", free[4], "--admin-listen", free[5])
	})
	t.Run("empty variables", func(t *testing.T) {
		for _, name := range []string{"JWTGATE_LISTEN", "JWTGATE_ADMIN_LISTEN", "JWTGATE_LOG_LEVEL"} {
			t.Setenv(name, "")
		}
		listens(t, [2]string{free[0], free[1]})
	})
}

func TestServeDefaultAddresses(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", "server: {drain_delay: 0s}\ndefault: deny\n")
	for other, want := range map[string]string{"--admin-listen": "127.0.0.1:9001", "--listen": "127.0.0.1:9002"} {
		s := begin(t, "--config", file, other, "127.0.0.1:0")
		// Another process may use the port; the error names it too.
		s.log.Until(t, s.ended, want, func() bool { return strings.Contains(s.log.String(), want) })
		s.stop(t)
	}
}

func TestLogLevel(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", publicYAML)
	var log strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it starts, and stops at once
	code := run(ctx, []string{"serve", "--config", file, "--log-level", "ERROR"}, console{err: &log, getenv: os.LookupEnv})
	if code != exitYes || log.Len() > 0 {
		t.Errorf("%d: %s", code, log.String())
	}
	t.Setenv("JWTGATE_LOG_LEVEL", "warn")
	if code := run(ctx, []string{"serve", "--config", file}, console{err: &log, getenv: os.LookupEnv}); code != exitYes ||
		!strings.Contains(log.String(), "relaxation active") || strings.Contains(log.String(), `"INFO"`) {
		t.Errorf("%d: %s", code, log.String())
	}
}

func TestServeFromHalfOfAnEnvironment(t *testing.T) {
	alone(t)
	command(t, "serve").
		holds(t, exitFailure, nil, []string{"no configuration; name a file", "--config FILE", "COGNITO_USER_POOLS_ID and COGNITO_WEB_CLIENT_ID"})
	t.Setenv("COGNITO_USER_POOL_ID", "us-west-1_6BpkgoczU")
	command(t, "serve").holds(t, exitNo, nil, []string{"COGNITO_WEB_CLIENT_ID (or COGNITO_CLIENT_ID) is missing", "1 mistake\n"})
	t.Setenv("AWS_DEFAULT_REGION", "eu-central-1")
	command(t, "serve").holds(t, exitNo, nil, []string{"COGNITO_WEB_CLIENT_ID", "AWS_DEFAULT_REGION is", "2 mistakes\n"})
}

func TestServeMistakes(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", "server: {listen: 9001}\nroutes: [{match: orders}]\ndefualt: deny\n")
	got := command(t, "serve", "--config", file)
	got.holds(t, exitNo, nil, []string{file + ":1:", file + ":2:", `write "/orders"`, file + ":3:", " mistakes\n"})
	if strings.Contains(got.err, `"level"`) {
		t.Errorf("something was started:\n%s", got.err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	command(t, "serve", "--config", testutil.File(t, "jwtgate.yaml", publicYAML), "--listen", taken.Addr().String()).
		holds(t, exitFailure, nil, []string{"jwtgate: server.listen: " + taken.Addr().String() + " is in use"})
	command(t, "serve", "--config", filepath.Join(t.TempDir(), "missing.yaml")).
		holds(t, exitFailure, nil, []string{"jwtgate: reading the config: open"})
}
