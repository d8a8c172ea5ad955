package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
)

const lintedYAML = "issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web]}}\n"

func TestLintEnvoy(t *testing.T) {
	alone(t)
	file := write(t, "jwtgate.yaml", lintedYAML)
	shipped := filepath.Join("..", "..", "envoy", "envoy.yaml")
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	open := write(t, "envoy.yaml", strings.Replace(string(text), "failure_mode_allow: false", "failure_mode_allow: true", 1))
	noted := write(t, "envoy.yaml", strings.Replace(string(text), "encode_raw_headers: true", "#", 1))

	command(t, "lint-envoy", "--config", file, shipped).holds(t, exitYes, []string{shipped + ": nothing found (1 HTTP connection manager checked)\n"}, nil)
	command(t, "lint-envoy", "--config", file, open).holds(t, exitNo, []string{
		open + ":", "http_filters[2].typed_config.failure_mode_allow: Envoy allows requests that the gate cannot check; while Envoy", "; write failure_mode_allow: false (failure-mode-allow)\n", ": 1 hole (",
	}, nil)
	command(t, "lint-envoy", "--config", file, "--platform", "envoy-gateway", open).holds(t, exitNo, []string{"; SecurityPolicy: extAuth.failOpen: false (failure-mode-allow)"}, nil)
	command(t, "lint-envoy", "--config", file, noted).holds(t, exitNo, []string{"(raw-headers)", ": 1 outage ("}, nil)
	command(t, "lint-envoy", "--config", file, "--platform", "istio", noted).holds(t, exitYes, []string{": note: ", "(raw-headers)", ": 1 note ("}, nil)

	t.Run("from standard input", func(t *testing.T) {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"lint-envoy", "--config", file, "-"}, console{in: bytes.NewReader(text), out: &out, err: &errs, getenv: os.LookupEnv})
		outcome{code, out.String(), errs.String()}.holds(t, exitYes, []string{"-: nothing found"}, nil)
	})
	t.Run("a file that cannot be checked", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "missing.yaml")
		command(t, "lint-envoy", "--config", file, missing).holds(t, exitFailure, nil, []string{"jwtgate: reading the Envoy file: open " + missing})
		command(t, "lint-envoy", "--config", missing, shipped).holds(t, exitFailure, nil, []string{"jwtgate: reading the config: "})
		command(t, "lint-envoy", "--config", file, file).holds(t, exitFailure, nil, []string{file + ":1:1: expected an Envoy bootstrap"})
		command(t, "lint-envoy", "--config", file, t.TempDir()).holds(t, exitFailure, nil, []string{"jwtgate: reading the Envoy file: "})
	})
	t.Run("a configuration with mistakes", func(t *testing.T) {
		command(t, "lint-envoy", "--config", write(t, "jwtgate.yaml", "default: open\n"), shipped).holds(t, exitNo, []string{"default is"}, nil)
	})
}

// TestNeedsOf: what Envoy has to fit is what the gate makes of the config.
func TestNeedsOf(t *testing.T) {
	const requestHeaders = "access-control-request-headers"
	gate := func(text string) envoy.Needs {
		t.Helper()
		cfg, err := config.Parse("jwtgate.yaml", []byte(lintedYAML+text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return envoyneeds.Of(compiled(t, cfg))
	}
	usual := gate("")
	if !slices.Equal(usual.Tokens, []string{"authorization"}) || !slices.Equal(usual.TakenOut, usual.Tokens) || usual.Port != "9001" || usual.QueryTokens || usual.TLS || usual.AnswersCORS || len(usual.Sets) > 0 || usual.ReadsAny || usual.CaseSensitive {
		t.Errorf("by default: %+v", usual)
	}
	for _, name := range envoy.IdentityNames() {
		if slices.Contains(usual.Identity, name) != (name != "x-user-roles") {
			t.Errorf("by default the identity headers are %q", usual.Identity)
		}
	}
	// Whatever is read by default the shipped file sends, and nothing that it lists by
	// name is left out but the places of credentials that are not read, and the
	// header that only an answered preflight needs.
	for _, name := range append(slices.Clone(usual.Reads), usual.Removed...) {
		if !envoy.Sent(name) {
			t.Errorf("%s is read, and not sent", name)
		}
	}
	if len(usual.Reads)+3 != len(envoy.SentByName()) || slices.Contains(usual.Reads, requestHeaders) || len(usual.Removed) != 20 ||
		!slices.Equal(usual.Overrides, usual.Removed) {
		t.Errorf("by default %q are read and %q removed", usual.Reads, usual.Removed)
	}
	own := gate(`server: {listen: "unix:/run/gate.sock", tls: {cert_file: c, key_file: k, client_ca_file: a}}
tokens: {from: [bearer, {cookie: session}], forward: true}
identity: {headers: {x-user-email: null, x-team: "custom:team"}, strip: [x-user-roles, x_http_method, x-original-url]}
cors: {origins: ["https://app.example"]}
relax: {all: [method_override, forwarded_host, case_sensitive], hosts: {old.example: [original_url, encoded_slash, double_slash]}}
routes:
  - {name: a, match: /a, tokens_from: [{query: t}, {header: x-jwt}, {websocket_protocol: jwt}], forward: false, end_streams_at_expiry: true}
  - {name: b, match: /b, when: 'request.headers["x-tenant"] == "a"'}
  - {name: c, match: /c, when: 'request.headers.exists(n, n == "x-b")', end_streams_at_expiry: true}
  - {name: d, match: /d, access: public}
`)
	for _, row := range []struct {
		name      string
		got, want []string
	}{
		{"tokens", own.Tokens, []string{"authorization", "cookie", "x-jwt", "sec-websocket-protocol"}},
		{"what tokens are taken out of", own.TakenOut, []string{"x-jwt", "sec-websocket-protocol"}},
		{"what is set", own.Sets, []string{"x-envoy-upstream-stream-duration-ms"}},
		{"overrides that are removed somewhere", own.Removed, []string{
			"path-info", "script-name", "x-forwarded-path", "x-forwarded-prefix", "x-forwarded-uri", "x-http-method",
			"x-original-uri", "x-original-url", "x-rewrite-url", "x-script-name",
		}},
		{"overrides that are removed everywhere", own.Overrides, []string{"x-http-method", "x-original-url"}},
		{"routes", own.Routes, []string{"a", "b", "c", "d"}},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, row.got, row.want)
		}
	}
	if own.Port != "" || !own.QueryTokens || !own.TLS || !own.ClientTLS || !own.AnswersCORS || !own.ReadsAny || !own.EncodedSlash || !own.DoubleSlash || !own.CaseSensitive {
		t.Errorf("of one's own: %+v", own)
	}
	for _, name := range []string{"x-jwt", "x-tenant", "cookie", "connection", requestHeaders} {
		if !slices.Contains(own.Reads, name) {
			t.Errorf("%s is not among %q", name, own.Reads)
		}
	}
	checked := gate("cors: {origins: [\"https://app.example\"], preflight: check}\n")
	if checked.AnswersCORS || slices.Contains(checked.Reads, requestHeaders) {
		t.Errorf("with preflights that need a token: %+v", checked)
	}
	for _, name := range []string{"x-user-email", "x-team", "x-user-roles"} {
		if !slices.Contains(own.Identity, name) {
			t.Errorf("%s is not among %q", name, own.Identity)
		}
	}
}
