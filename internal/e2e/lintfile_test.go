//go:build !race

package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// lintIDs runs `jwtgate lint-envoy` with a configuration from init and returns the ids of
// its findings.
func lintIDs(t *testing.T, w *lintFixture, file string) []string {
	t.Helper()
	return w.lint(t, lintRow{}, file)
}

// TestLintWhatInitWrites: the files from init, the file for a Unix socket and all shipped
// files have no findings.
func TestLintWhatInitWrites(t *testing.T) {
	for name, options := range map[string][]string{
		"Cognito":            {"--cognito", "us-west-1_6BpkgoczU", "--client-id", "3v5exampleclient", "--app", "127.0.0.1:4567"},
		"Cognito in compose": {"--cognito", "us-west-1_6BpkgoczU", "--client-id", "3v5exampleclient", "--app", "backend:4567"},
		"any issuer": {"--issuer", "https://login.example/", "--audience", "orders-api", "--app", "app.example:80",
			"--origin", "https://app.example"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if got := jwtgate(t, nil, append([]string{"init", "--out", dir}, options...)...); got.code != 0 {
				t.Fatalf("init: %s", got.stderr)
			}
			config, own := filepath.Join(dir, "jwtgate.yaml"), filepath.Join(dir, "envoy.yaml")
			socket, err := envoy.Apply([]byte(read(t, own)), envoy.Edit{Gate: "unix:/run/jwtgate/gate.sock"})
			if err != nil {
				t.Fatal(err)
			}
			// login.yaml needs another jwtgate.yaml: TestLintLogin lints it.
			for _, file := range []string{"../../envoy/envoy.yaml", own, testutil.File(t, "socket.yaml", string(socket))} {
				got := jwtgate(t, nil, "lint-envoy", "--config", config, file)
				if want := file + ": nothing found (1 HTTP connection manager checked)\n"; got.code != 0 || got.stdout != want || got.stderr != "" {
					t.Errorf("%d %s%s, want %s", got.code, got.stdout, got.stderr, want)
				}
			}
		})
	}
}

// dynamicFile returns a bootstrap whose listeners and clusters come from files.
const dynamicFile = `node: { id: lint, cluster: lint }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: %s } } }
layered_runtime: { layers: [ { name: static, static_layer: { re2.max_program_size.error_level: 1000 } } ] }
dynamic_resources:
  lds_config: { resource_api_version: V3, path_config_source: { path: %q } }
  cds_config: { resource_api_version: V3, path_config_source: { path: %q } }
`

// TestLintDynamic: the dump of an Envoy that fetches its listeners, routes and clusters
// contains them, with all their findings.
func TestLintDynamic(t *testing.T) {
	w := startLintWorld(t)
	text, address, admin := w.edited(t, lintRow{}, []string{
		"failure_mode_allow: false", "failure_mode_allow: true",
		"          normalize_path: true\n", "",
		", max_retries: 1000", "",
		firstRoute, firstRoute + openRoute(perRouteType+", disabled: true"),
	})
	cut := func(from, to string) string {
		_, rest, found := strings.Cut(text, from)
		part, _, ended := strings.Cut(rest, to)
		if !found || (!ended && to != "\x00") {
			t.Fatalf("no part from %q to %q", from, to)
		}
		return part
	}
	routes := cut("          route_config:\n", "          http_filters:\n")
	write := func(name, kind, items string) string {
		return testutil.File(t, name,
			"resources:\n"+regexp.MustCompile(`(?m)^  - name: `).ReplaceAllString(items, "  - \"@type\": type.googleapis.com/"+kind+"\n    name: "))
	}
	routeFile := testutil.File(t, "rds.yaml",
		"resources:\n- \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n  name: edge\n"+unindented(routes, 10))
	listeners := strings.Replace(cut("  listeners:\n", "  clusters:\n"), "          route_config:\n"+routes,
		fmt.Sprintf("          rds: { route_config_name: edge, config_source: { resource_api_version: V3, "+
			"path_config_source: { path: %q } } }\n", routeFile), 1)
	listenerFile := write("lds.yaml", "envoy.config.listener.v3.Listener", listeners)
	clusterFile := write("cds.yaml", "envoy.config.cluster.v3.Cluster", cut("  clusters:\n", "\x00"))
	bootstrap := fmt.Sprintf(dynamicFile, port(admin), listenerFile, clusterFile)

	p := startEnvoy(t, []byte(bootstrap), address, admin)
	if !w.reaches(t, p, call{line: "GET /open"}) || w.reaches(t, p, call{line: "GET /"}) {
		t.Error("/open alone passes without a token")
	}
	want := []string{"ext-authz-disabled", "failure-mode-allow", "max-retries", "path-not-normalized"}
	dump := p.dump(t)
	if got := lintIDs(t, w, testutil.File(t, "dump.json", dump)); !slices.Equal(got, want) {
		t.Errorf("in the dump: %q, want %q", got, want)
	}
	for _, part := range []string{"dynamic_active", "dynamic_listeners", "dynamic_route_configs"} {
		if !strings.Contains(dump, part) {
			t.Errorf("the dump has no %s: nothing was shown", part)
		}
	}
	// The listeners' own file has neither routes nor clusters.
	if got, want := lintIDs(t, w, listenerFile),
		[]string{"failure-mode-allow", "gate-cluster-elsewhere", "path-not-normalized", "routes-elsewhere"}; !slices.Equal(got, want) {
		t.Errorf("in the listeners' file: %q, want %q", got, want)
	}
	if got := jwtgate(t, w.issuers.environment(), "lint-envoy", "--config", w.file,
		testutil.File(t, "envoy.yaml", bootstrap)); got.code != 2 || !strings.Contains(got.stderr, "this bootstrap fetches its listeners") {
		t.Errorf("of the bootstrap: %d %s", got.code, got.stderr)
	}
}

// unindented removes a number of spaces from the beginning of each line.
func unindented(text string, by int) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		lines.WriteString(strings.TrimPrefix(line, strings.Repeat(" ", by)))
	}
	return lines.String()
}
