package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

const lintedYAML = "issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n"

func TestLintEnvoy(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", lintedYAML)
	shipped := filepath.Join("..", "..", "envoy", "envoy.yaml")
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	open := testutil.File(t, "envoy.yaml", strings.Replace(string(text), "failure_mode_allow: false", "failure_mode_allow: true", 1))
	noted := testutil.File(t, "envoy.yaml", strings.Replace(string(text), "encode_raw_headers: true", "#", 1))

	command(t, "lint-envoy", "--config", file, shipped).
		holds(t, exitYes, []string{shipped + ": nothing found (1 HTTP connection manager checked)\n"}, nil)
	command(t, "lint-envoy", "--config", file, open).holds(t, exitNo, []string{
		open + ":", "http_filters[2].typed_config.failure_mode_allow: Envoy allows requests that the gate cannot check; while Envoy",
		"; write failure_mode_allow: false (failure-mode-allow)\n", ": 1 hole (",
	}, nil)
	command(t, "lint-envoy", "--config", file, "--platform", "envoy-gateway", open).
		holds(t, exitNo, []string{"; SecurityPolicy: extAuth.failOpen: false (failure-mode-allow)"}, nil)
	command(t, "lint-envoy", "--config", file, noted).holds(t, exitNo, []string{"(raw-headers)", ": 1 outage ("}, nil)
	command(t, "lint-envoy", "--config", file, "--platform", "istio", noted).
		holds(t, exitYes, []string{": note: ", "(raw-headers)", ": 1 note ("}, nil)

	t.Run("a release of Envoy", func(t *testing.T) {
		override := testutil.File(t, "envoy.yaml", strings.Replace(string(text), "              routes:\n", "              routes:\n"+
			"              - match: { prefix: /other }\n                route: { cluster: app, timeout: 0s }\n"+
			"                typed_per_filter_config: { envoy.filters.http.ext_authz: { "+
			"\"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, "+
			"check_settings: { grpc_service: { envoy_grpc: { cluster_name: jwtgate } } } } }\n", 1))
		run := func(version string) outcome {
			return command(t, "lint-envoy", "--config", file, "--envoy-version", version, override)
		}
		run("1.38.2").holds(t, exitNo, []string{
			"Envoy 1.38.2 does not have the fix of CVE-2026-47205", "use Envoy 1.38.3, or a later release", "(override-crash)", ": 1 outage (",
		}, nil)
		run("1.38.3").holds(t, exitYes, []string{": nothing found ("}, nil)
		run("1.99.0").holds(t, exitYes, []string{": note: the file: nothing is known about Envoy 1.99.0; ", "(envoy-version)", ": 1 note ("}, nil)
		run("1.38").holds(t, exitFailure, nil, []string{`jwtgate: --envoy-version: got the version "1.38"; expected one such as 1.38.4`})
	})
	t.Run("from standard input", func(t *testing.T) {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"lint-envoy", "--config", file, "-"}, console{
			in: bytes.NewReader(text), out: &out, err: &errs, getenv: os.LookupEnv,
		})
		outcome{code, out.String(), errs.String()}.holds(t, exitYes, []string{"-: nothing found"}, nil)
	})
	t.Run("a file that cannot be checked", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "missing.yaml")
		command(t, "lint-envoy", "--config", file, missing).
			holds(t, exitFailure, nil, []string{"jwtgate: reading the Envoy file: open " + missing})
		command(t, "lint-envoy", "--config", missing, shipped).holds(t, exitFailure, nil, []string{"jwtgate: reading the config: "})
		command(t, "lint-envoy", "--config", file, file).holds(t, exitFailure, nil, []string{file + ":1:1: expected an Envoy bootstrap"})
		command(t, "lint-envoy", "--config", file, t.TempDir()).holds(t, exitFailure, nil, []string{"jwtgate: reading the Envoy file: "})
	})
	t.Run("a configuration with mistakes", func(t *testing.T) {
		command(t, "lint-envoy", "--config", testutil.File(t, "jwtgate.yaml", "default: open\n"), shipped).
			holds(t, exitNo, []string{"default is"}, nil)
	})
}
