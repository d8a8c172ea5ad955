//go:build !race

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// validate runs `envoy --mode validate` on a file.
func validate(t *testing.T, file string) {
	t.Helper()
	output, err := exec.Command(envoyBinary, "--mode", "validate", "--config-path", file, "--log-level", "warning").CombinedOutput()
	if err != nil {
		t.Errorf("Envoy refuses %s: %v\n%s", file, err, output)
	}
	if strings.Contains(string(output), "[warning]") || strings.Contains(string(output), "deprecated") {
		t.Errorf("Envoy warns of %s:\n%s", file, output)
	}
}

func TestEnvoyTakesTheShippedFile(t *testing.T) {
	// Of login.yaml the secrets do not exist here: the tests of sign-in run it with them.
	validate(t, "../../envoy/envoy.yaml")
}

// TestInitWritesWhatServes: jwtgate and Envoy accept the files of `init`, which are never
// overwritten; with them an application receives the user of a token.
func TestInitWritesWhatServes(t *testing.T) {
	application := startApplication(t)
	issuers := startIssuers(t)
	for _, kind := range []struct {
		name    string
		options []string
	}{
		{"Cognito", []string{"--cognito", "us-west-1_6BpkgoczU", "--client-id", "3v5exampleclient", "--app", application.address}},
		{"Cognito in compose", []string{"--cognito", "us-west-1_6BpkgoczU", "--client-id", "3v5exampleclient", "--app", "backend:4567"}},
		{"any issuer",
			[]string{"--issuer", "https://login.example/", "--audience", "orders-api", "--app", application.address, "--origin",
				"https://app.example", "--origin", "http://localhost:3000"}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			arguments := append([]string{"init", "--out", dir}, kind.options...)
			if got := jwtgate(t, nil, arguments...); got.code != 0 {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			validate(t, filepath.Join(dir, "envoy.yaml"))
			if got := jwtgate(t, nil, "check", "--config", filepath.Join(dir, "jwtgate.yaml")); got.code != 0 {
				t.Errorf("check: exit code %d: %s%s", got.code, got.stdout, got.stderr)
			}
			before, err := os.ReadFile(filepath.Join(dir, "compose.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if got := jwtgate(t, nil, arguments...); got.code != 0 || strings.Count(got.stdout, "which exists and lacks nothing") != 3 {
				t.Errorf("a second time: exit code %d, want 0 and three files that lack nothing: %s%s", got.code, got.stdout, got.stderr)
			}
			if after, err := os.ReadFile(filepath.Join(dir, "compose.yaml")); err != nil || string(after) != string(before) {
				t.Error("a second time changed a file")
			}
			if kind.name == "Cognito" {
				serves(t, dir, issuers, application)
			}
		})
	}
}

// serves runs the files from init. The issuer's keys come from loopback instead of AWS;
// only addresses and ports differ otherwise.
func serves(t *testing.T, dir string, issuers issuers, application *application) {
	t.Helper()
	config := read(t, filepath.Join(dir, "jwtgate.yaml"))
	const line = "    clients: [\"3v5exampleclient\"]\n"
	if strings.Count(config, line) != 1 {
		t.Fatalf("jwtgate.yaml has no %q:\n%s", line, config)
	}
	config = strings.Replace(config, line,
		line+fmt.Sprintf("    dangerously_allow_http: true\n    jwks: {uri: %q}\n", issuers.cruddur.JWKSURL()), 1)
	gate := startGate(t, testutil.File(t, "jwtgate.yaml", config))
	gate.waitReady(t)
	envoy := startEditedEnvoy(t, []byte(read(t, filepath.Join(dir, "envoy.yaml"))), gate.address, application.address)

	got := http1(t, envoy.address,
		call{line: "GET /orders", headers: []string{bearer(mint(t, issuers.cruddur, access(nil))), "x-user-id: forged"}})
	if got.Status != 200 {
		t.Fatalf("status %d %s", got.Status, got.Body)
	}
	if user := application.only(t).Header.Get("X-User-Id"); user != "4f0c5b8e-ann" {
		t.Errorf("the application received x-user-id %q", user)
	}
	denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}.check(t,
		http1(t, envoy.address, call{line: "GET /orders"}))
	if got := http1(t, envoy.address, call{line: "GET /health"}); got.Status != 200 {
		t.Errorf("the public route is answered %d %s", got.Status, got.Body)
	}
	application.take()
}

// TestInitReportsMissingOptions: a usage error has exit code 2, and init writes nothing.
func TestInitReportsMissingOptions(t *testing.T) {
	dir := t.TempDir()
	got := jwtgate(t, nil, "init", "--out", dir, "--cognito", "us-west-1_6BpkgoczU", "--app", "127.0.0.1:1")
	if got.code != 2 || !strings.Contains(got.stderr, "--client-id") {
		t.Errorf("exit code %d, want 2: %s", got.code, got.stderr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("something was written: %v %v", entries, err)
	}
}
