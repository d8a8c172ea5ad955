//go:build !race

package e2e

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestAWrongConfigurationStartsNothing: `check` and `serve` report every mistake at once,
// each with its place and what to write instead.
func TestAWrongConfigurationStartsNothing(t *testing.T) {
	file := testutil.File(t, "jwtgate.yaml", `issuers:
  cruddur:
    cognito: CruddurUserPool
    client: [3v5exampleclient]
  partner:
    issuer: http://login.partner.example/
    audiences: []
    algorithms: [none]
routes:
  - {match: api/health, access: open}
  - {match: GET /a, issuers: [cruddur], when: token.subject = "ann"}
  - {match: '/b/**/c', groups: [admin], access: public}
default: allow
server: {tls: {cert_file: server.pem}}
`)
	want := []string{
		file + ":3:14: ", file + ":4:5: ", file + ":6:13: ", file + ":7:", file + ":8:18: ", file + ":10:13: ", file + ":10:33: ",
		file + ":11:61: routes[1].when: = is not a CEL operator; write == to compare", file + ":12:13: ", file + ":12:",
		file + ":13:10: ", file + ":14:10: server.tls.key_file is missing",
	}
	checked := jwtgate(t, nil, "check", "--config", file)
	if checked.code != 1 {
		t.Errorf("check: exit code %d, want 1", checked.code)
	}
	listen := freeAddress(t)
	served := jwtgate(t, nil, "serve", "--config", file, "--listen", listen)
	if served.code != 2 && served.code != 1 {
		t.Errorf("serve: exit code %d, want 1 or 2", served.code)
	}
	for name, text := range map[string]string{"check": checked.stdout, "serve": served.stderr} {
		for _, mistake := range want {
			if !strings.Contains(text, mistake) {
				t.Errorf("%s does not say %q:\n%s", name, mistake, text)
			}
		}
		noStackTrace(t, text)
	}
}

// TestAFailedStartSaysWhy: a program that cannot start exits with code 2 and one clear
// line.
func TestAFailedStartSaysWhy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	good := testutil.File(t, "jwtgate.yaml", "issuers: {a: {issuer: https://a.invalid, audiences: [b]}}\n")
	closed := filepath.Join(t.TempDir(), "a-directory")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	free := freeAddress(t)
	tests := []struct {
		name string
		env  []string
		args []string
		want []string
	}{
		{"a port in use", nil, []string{"serve", "--config", good, "--listen", taken.Addr().String(), "--admin-listen", free},
			[]string{"server.listen", taken.Addr().String(), "in use"}},
		{"an admin port in use", nil,
			[]string{"serve", "--config", good, "--listen", free, "--admin-listen", taken.Addr().String()},
			[]string{"admin.listen", taken.Addr().String(), "in use"}},
		{"no such file", nil, []string{"serve", "--config", "no-such-file.yaml"}, []string{"no-such-file.yaml", "no such file"}},
		{"check: no such file", nil, []string{"check", "--config", "no-such-file.yaml"}, []string{"no-such-file.yaml", "no such file"}},
		{"a file that cannot be read", nil, []string{"serve", "--config", closed}, []string{closed}},
		{"neither a file nor variables", nil, []string{"serve"}, []string{"--config", "COGNITO_USER_POOLS_ID", "COGNITO_WEB_CLIENT_ID"}},
		{"some of the variables", []string{"COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU"}, []string{"serve"}, []string{"COGNITO_WEB_CLIENT_ID"}},
		{"an unknown command", nil, []string{"server"}, []string{"server", "--help"}},
		{"an unknown flag", nil, []string{"serve", "--no-such-flag"}, []string{"--no-such-flag"}},
		{"healthcheck: nobody there", nil, []string{"healthcheck", "--addr", free}, []string{free}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := jwtgate(t, test.env, test.args...)
			if got.code != 2 && !strings.Contains(test.name, "variables") {
				t.Errorf("exit code %d, want 2", got.code)
			}
			if got.code == 0 {
				t.Error("exit code 0")
			}
			for _, want := range test.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("stderr does not say %q:\n%s", want, got.stderr)
				}
			}
			noStackTrace(t, got.stderr)
		})
	}
}

func TestHealthcheck(t *testing.T) {
	issuers := startIssuers(t)
	gate := startGate(t, "testdata/jwtgate.yaml", issuers.environment()...)
	if got := jwtgate(t, nil, "healthcheck", "--addr", gate.address); got.code != 0 {
		t.Errorf("exit code %d while serving: %s", got.code, got.stderr)
	}
	gate.Terminate(t)
	eventually(t, 5*time.Second, "the health check says no", func() error {
		if got := jwtgate(t, nil, "healthcheck", "--addr", gate.address); got.code == 0 {
			return errors.New("exit code 0")
		}
		return nil
	})
	gate.Wait(t, 10*time.Second)
}

func TestVersion(t *testing.T) {
	got := jwtgate(t, nil, "version")
	if got.code != 0 {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	for _, want := range []string{"e2e", "none", "go1."} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("version does not say %q: %s", want, got.stdout)
		}
	}
}

func noStackTrace(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "goroutine ") || strings.Contains(text, "panic:") {
		t.Errorf("a stack trace:\n%s", text)
	}
}
