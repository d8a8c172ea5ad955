package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

func TestCheck(t *testing.T) {
	alone(t)
	t.Run("a valid one", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml", "issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n"+
			"routes: [{match: /a}, {match: /b, access: public}]\n")
		command(t, "check", "--config", file).holds(t, exitYes, []string{file + ": valid (1 issuer, 2 routes, default required)\n"}, nil)
	})
	t.Run("with warnings", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml",
			"issuers: {home: {issuer: 'http://home.example/', audiences: [a], dangerously_allow_http: true}}\n")
		command(t, "check", "--config", file).holds(t, exitYes, []string{
			file + ":1:", ": warning: issuers.home.dangerously_allow_http is true: ", ": valid (",
		}, nil)
	})
	t.Run("resolved", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml",
			"issuers: {staff: {provider: okta, domain: acme.okta.com, audiences: [a], dangerously_allow_http: true}}\n")
		got := command(t, "check", "--config", file, "--resolved")
		got.holds(t, exitYes, []string{
			"issuer: https://acme.okta.com/oauth2/default # okta\n", "leeway: 30s # default\n",
		}, []string{": warning: issuers.staff.dangerously_allow_http is true: ", ": valid (1 issuer"})
		if again := testutil.File(t, "again.yaml", got.out); !strings.Contains(command(t, "check", again).out, ": valid (1 issuer") {
			t.Errorf("not valid:\n%s", got.out)
		}
	})
	t.Run("with a need that the shipped envoy.yaml does not meet", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml", "identity: {headers: {x-team: team}}\n"+
			"issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n")
		command(t, "check", "--config", file).holds(t, exitYes, []string{
			file + ": warning: if your envoy.yaml is the shipped one: it does not allow jwtgate to change x-team, ", ": valid (",
		}, nil)
	})
	t.Run("every mistake at once", func(t *testing.T) {
		// Mistakes of the config, of the routes and of the issuers' files together.
		file := testutil.File(t, "jwtgate.yaml", `issuers:
  home: {issuer: "https://home.example/", audiences: [a], algorithms: [HS256]}
  file: {issuer: "https://file.example/", prefix: "f:", audiences: [a], jwks: {file: nowhere.json}}
routes:
  - {match: orders}
  - {match: /a//b, acess: public}
defualt: deny
`)
		got := command(t, "check", "--config", file)
		got.holds(t, exitNo, []string{
			file + ":2:", "issuers.home.algorithms", "HS256",
			file + ":3:", "the key set cannot be used",
			file + ":5:", `"orders" does not begin with /; write "/orders"`,
			file + ":6:", "acess", "access",
			"an empty segment (//)",
			file + ":7:1: ", "defualt", "default",
			" mistakes\n",
		}, nil)
		// One line each, in the order of the file, and then their number.
		lines := strings.Split(strings.TrimSuffix(got.out, "\n"), "\n")
		for i, line := range lines[:len(lines)-1] {
			if !strings.HasPrefix(line, file+":") {
				t.Errorf("line %d has no place: %s", i, line)
			}
			if i > 0 && place(line) < place(lines[i-1]) {
				t.Errorf("line %d is out of order: %s", i, line)
			}
		}
	})
	t.Run("one mistake", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml", "default: open\n")
		got := command(t, "check", "--config", file)
		got.holds(t, exitNo, []string{file + ":1:10: default "}, nil)
	})
	t.Run("a singular", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml", "[]\n")
		command(t, "check", "--config", file).holds(t, exitNo, []string{"\n1 mistake\n"}, nil)
	})
}

// TestCheckCompilesOnce: one run compiles the configuration once.
func TestCheckCompilesOnce(t *testing.T) {
	alone(t)
	n := 0
	code := run(t.Context(), []string{"check", "--config", testutil.File(t, "jwtgate.yaml", publicYAML)}, console{
		out: io.Discard, err: io.Discard, getenv: os.LookupEnv,
		compile: func(cfg *config.Config, o gate.CompileOptions) (*gate.Policy, error) {
			n++
			return gate.Compile(cfg, o)
		},
	})
	if code != exitYes || n != 1 {
		t.Errorf("exit code %d, %d compilations; expected one", code, n)
	}
}

// place returns the place of a mistake as a text that sorts by line: the line number is
// padded.
func place(line string) string {
	parts := strings.SplitN(line, ":", 4)
	if len(parts) < 3 {
		return ""
	}
	return strings.Repeat(" ", max(0, 6-len(parts[1]))) + parts[1] + strings.Repeat(" ", max(0, 6-len(parts[2]))) + parts[2]
}

func TestCheckOfWhatCannotBeRead(t *testing.T) {
	alone(t)
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	command(t, "check", "--config", missing).holds(t, exitFailure, nil, []string{"jwtgate: reading the config: open " + missing})
	command(t, "check", "--config", t.TempDir()).holds(t, exitFailure, nil, []string{"jwtgate: reading the config: "})
	if os.Geteuid() != 0 { // root reads everything
		file := testutil.File(t, "jwtgate.yaml", publicYAML)
		if err := os.Chmod(file, 0); err != nil {
			t.Fatal(err)
		}
		command(t, "check", "--config", file).holds(t, exitFailure, nil, []string{"permission denied"})
	}
}

// TestCheckExpandsVariables: variables in the file come from the command's environment.
func TestCheckExpandsVariables(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", "issuers: {pool: {cognito: \"${CHECK_POOL}\", clients: [web]}}\n")
	command(t, "check", "--config", file).holds(t, exitNo, []string{"CHECK_POOL, which is not set"}, nil)
	t.Setenv("CHECK_POOL", "us-west-1_6BpkgoczU")
	command(t, "check", "--config", file).holds(t, exitYes, []string{"valid"}, nil)
}
