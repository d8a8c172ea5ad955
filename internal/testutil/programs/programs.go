// Package programs runs the programs that the tests of several packages need: jwtgate,
// built from this checkout, a real Envoy, and Keycloak. Nothing that is shipped imports it. Like
// [testutil.Start], it ends every program with the test that started it.
//
// Invariants:
//
//  1. A test in which a program printed a token or a data race fails (TestFaults).
//  2. The environment of a program configures nothing (TestEnvironment).
package programs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// Main builds jwtgate, runs the tests of a package, and returns their exit code. Before,
// set gets the path of the checkout's .tools folder and of the program. needs are paths
// below .tools, and command is the make command that sets them up. flags are further
// flags of go build.
func Main(m *testing.M, command string, needs []string, set func(tools, jwtgate string), flags ...string) int {
	code, err := buildAndRun(m, command, needs, set, flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func buildAndRun(m *testing.M, command string, needs []string, set func(tools, jwtgate string), flags []string) (int, error) {
	root, err := filepath.Abs("../..") // every package of tests is below internal/
	if err != nil {
		return 0, err
	}
	tools := filepath.Join(root, ".tools")
	for _, tool := range needs {
		if _, err := os.Stat(filepath.Join(tools, tool)); err != nil {
			return 0, fmt.Errorf("a program that these tests need is not set up: run `make %s` (%w)", command, err)
		}
	}
	dir, err := os.MkdirTemp("", "jwtgate-test-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	jwtgate := filepath.Join(dir, "jwtgate")
	build := exec.Command("go", append(append([]string{"build", "-o", jwtgate}, flags...), "./cmd/jwtgate")...)
	build.Dir, build.Stdout, build.Stderr = root, os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("building jwtgate: %w", err)
	}
	set(tools, jwtgate)
	return m.Run(), nil
}

// Environment returns the variables that any program needs, and none that configures
// jwtgate.
func Environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
}

// tokenShaped matches what looks like a JWT: its header begins with `{"`.
var tokenShaped = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`)

// Token returns the header and the payload of the first token in a text, or nothing. It
// finds signed JWTs, and no other secret.
func Token(text string) string { return tokenShaped.FindString(text) }

// Faults returns what no program may print: a token, and a data race.
func Faults(output string) []string {
	var faults []string
	if token := Token(output); token != "" {
		faults = append(faults, fmt.Sprintf("printed a token: %.40s...", token))
	}
	if strings.Contains(output, "DATA RACE") {
		faults = append(faults, "has a data race")
	}
	return faults
}

// Start runs a program until the test ends. The test fails if the program printed one of
// [Faults].
func Start(t testing.TB, name string, cmd *exec.Cmd) *testutil.Process {
	t.Helper()
	return testutil.Start(t, name, cmd, func(t testing.TB, name, output string) {
		for _, fault := range Faults(output) {
			t.Errorf("%s %s", name, fault)
		}
	})
}

// StartEnvoy runs a bootstrap until the test ends, with further flags, and waits until it
// serves. admin is host:port of the admin interface in the bootstrap.
func StartEnvoy(t testing.TB, binary string, bootstrap []byte, admin string, flags ...string) *testutil.Process {
	t.Helper()
	cmd := exec.Command(binary, append([]string{
		"--config-path", testutil.File(t, "envoy.yaml", string(bootstrap)), "--log-level", "warning",
		"--disable-hot-restart", // several Envoys run at a time, and would share its memory
		"--concurrency", "1",
		"--file-flush-interval-msec", "100", // the access log is read while it runs
	}, flags...)...)
	p := Start(t, "envoy", cmd)
	t.Cleanup(func() { quit(t, p, admin) })
	p.Eventually(t, 20*time.Second, "Envoy serves", func() error {
		return Ask(t, http.MethodGet, "http://"+admin+"/ready", "LIVE")
	})
	return p
}

// quit ends Envoy gracefully, so that it writes its last log lines.
func quit(t testing.TB, p *testutil.Process, admin string) {
	if err := Ask(t, http.MethodPost, "http://"+admin+"/quitquitquit", "OK"); err != nil {
		p.Kill()
		return
	}
	select {
	case <-p.Exited:
	case <-time.After(3 * time.Second):
		p.Kill()
	}
}

// StartGate runs `jwtgate serve` until the test ends, and waits until it has keys. address
// is host:port that Envoy calls, admin that of the admin server.
func StartGate(t testing.TB, binary, config, address, admin string) *testutil.Process {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--config", config, "--listen", address, "--admin-listen", admin)
	cmd.Env = Environment()
	p := Start(t, "jwtgate", cmd)
	p.Eventually(t, 15*time.Second, "jwtgate is ready", func() error {
		return Ask(t, http.MethodGet, "http://"+admin+"/readyz", "")
	})
	return p
}

// Ask sends a request to an admin interface. It returns an error unless the answer has the
// status 200 and contains want.
func Ask(t testing.TB, method, url, want string) error {
	// A context of its own: a cleanup runs when the test's own has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(string(body)); response.StatusCode != http.StatusOK || !strings.Contains(text, want) {
		return fmt.Errorf("%s answers %s %q, without %q", url, response.Status, text, want)
	}
	return nil
}
