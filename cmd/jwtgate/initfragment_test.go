package main

import (
	"os"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestInitFragment: init --fragment prints pieces for a configuration and writes no file.
func TestInitFragment(t *testing.T) {
	alone(t)
	t.Chdir(t.TempDir())
	file := testutil.File(t, "jwtgate.yaml", initYAML+"identity: {headers: {x-team: team}}\nserver: {listen: ':9101'}\n")
	for _, row := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"lint-envoy --config jwtgate.yaml ENVOY.yaml", "port_value: 9001"}},
		{[]string{"--config", file}, []string{"lint-envoy --config " + file, "|x[^a-z0-9]team\"", "port_value: 9101"}},
	} {
		got := command(t, append([]string{"init", "--fragment"}, row.args...)...)
		got.holds(t, exitYes, append(row.want,
			"\n---\n# Piece 1 of 8, the limit for regular expressions. It goes at the top level of the file."), nil)
		for line := range strings.Lines(got.out) {
			if strings.HasPrefix(line, "# ") && len(line) > 101 {
				t.Errorf("a comment of %d characters: %s", len(line), line)
			}
		}
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("%d files were written, %v", len(entries), err)
	}
}

// TestInitFragmentForPlatforms: with --platform, the pieces are resources of the platform.
func TestInitFragmentForPlatforms(t *testing.T) {
	alone(t)
	file := testutil.File(t, "jwtgate.yaml", initYAML+"identity: {headers: {x-team: team}}\ncors: {origins: ['https://app.example']}\n")
	for platform, texts := range map[string][]string{
		"envoy-gateway": {"kind: SecurityPolicy", "kind: ClientTrafficPolicy", `allowOrigins: ["https://app.example"]`},
		"istio":         {"extensionProviders:", "kind: EnvoyFilter", "kind: AuthorizationPolicy"},
	} {
		got := command(t, "init", "--fragment", "--platform", platform, "--config", file)
		got.holds(t, exitYes, append(texts, "|x[^a-z0-9]team\"", "lint-envoy --config "+file+" --platform "+platform+" DUMP.json"), nil)
	}
}

func TestInitFragmentMistakes(t *testing.T) {
	alone(t)
	for name, row := range map[string]struct {
		args []string
		text string
	}{
		"an application": {[]string{"--fragment", "--app", "a:1"}, "--fragment and --app: got both"},
		"a pool": {
			[]string{"--fragment", "--cognito", "us-west-1_6BpkgoczU", "--client-id", "c"},
			"--fragment and --cognito: got both",
		},
		"a platform alone": {[]string{"--platform", "istio", "--app", "a:1"}, "--platform: expected it only with --fragment"},
		"a folder":         {[]string{"--fragment", "--out", t.TempDir()}, "--fragment and --out: got both"},
		"no file":          {[]string{"--fragment", "--config", "nowhere.yaml"}, "nowhere.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			command(t, append([]string{"init"}, row.args...)...).holds(t, exitFailure, nil, []string{row.text})
		})
	}
	t.Run("an invalid configuration", func(t *testing.T) {
		file := testutil.File(t, "jwtgate.yaml", "issuers: {}\n")
		command(t, "init", "--fragment", "--config", file).holds(t, exitNo, []string{"issuers", "1 mistake"}, nil)
	})
}
