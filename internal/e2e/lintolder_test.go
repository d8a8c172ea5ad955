//go:build lintguard && !race

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// pinnedRelease is the release of the pinned Envoy, in which each hole below is closed.
const pinnedRelease = "1.40.0"

// releaseRow is a hole that some releases of Envoy have. The file is the same for all.
type releaseRow struct {
	fix     string // whose absence is the hole
	lintRow        // id is the rule, always are findings in each release
	in      []string
}

const (
	ignoreParameters = "            ignore_path_parameters_in_path_matching: true\n            virtual_hosts:\n"
	virtualHosts     = "            virtual_hosts:\n"
	partnerFilter    = `          - name: partner
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: { envoy_grpc: { cluster_name: other }, timeout: 1s }
`
	connectRoute = "              - { match: { connect_matcher: {} }, " +
		"route: { cluster: app, upgrade_configs: [ { upgrade_type: CONNECT } ] } }\n"
	vaultRoute = "              - { match: { path: /open/vault }, route: { cluster: app, timeout: 0s } }\n"
	roleRoute  = "              - { match: { prefix: /open, headers: [ { name: x-role, string_match: { exact: admin } } ] }, " +
		"route: { cluster: app, timeout: 0s } }\n"
)

// denying returns an RBAC filter that denies requests with a permission.
func denyingFilter(permission string) []string {
	return []string{routerFilter, `          - name: envoy.filters.http.rbac
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules: { action: DENY, policies: { p: { principals: [ { any: true } ], permissions: [ { ` + permission + ` } ] } } }
` + routerFilter}
}

// ends observes whether a CONNECT request ends Envoy, if another ext_authz server's answer
// changes the query.
func ends(t *testing.T, w *lintFixture, p *envoyProxy) bool {
	t.Helper()
	w.other.says(allowing(&authv3.OkHttpResponse{QueryParametersToRemove: []string{"key"}}))
	connection, err := net.DialTimeout("tcp", p.address, clientTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(clientTimeout))
	if _, err := fmt.Fprint(connection, "CONNECT app.example:80 HTTP/1.1\r\nhost: app.example:80\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if n, _ := connection.Read(make([]byte, 1)); n > 0 {
		return false // an answer
	}
	select {
	case <-p.Exited:
		return true
	case <-time.After(clientTimeout):
		t.Fatal("Envoy closed the connection without an answer, and still runs")
		return false
	}
}

// passes observes whether a request of a user whom the gate allows reaches the application.
func passes(path string, headers ...string) observation {
	return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		t.Helper()
		return w.reaches(t, p, call{line: "GET " + path, headers: headers})
	}
}

func releaseRows() []releaseRow {
	const off = "ext-authz-disabled"
	unasked := openRoute(perRouteType + ", disabled: true")
	both := []string{"1.37.0", "1.39.0"}
	first := []string{"1.37.0"}
	return []releaseRow{
		{"CVE-2026-73551", lintRow{id: "path-parameters", always: []string{off}, edits: []string{firstRoute, firstRoute + unasked},
			open: unchecked("/open/..;/admin")}, both},
		{"CVE-2026-73511", lintRow{id: "path-parameters", always: []string{off},
			edits: []string{firstRoute, firstRoute + vaultRoute + unasked, virtualHosts, ignoreParameters},
			open:  unchecked("/open;x/vault")}, both},
		{"CVE-2026-73553", lintRow{id: "path-parameters", scripted: true, config: "relax: {all: [semicolon]}\n",
			edits: append(denyingFilter("url_path: { path: { exact: /vault } }"), virtualHosts, ignoreParameters),
			open:  passes("/vault;x")}, both},
		{"CVE-2026-26308", lintRow{id: "header-values", scripted: true,
			edits: denyingFilter(`header: { name: x-role, string_match: { exact: guest } }`),
			open:  passes("/", "x-role: guest", "x-role: guest")}, first},
		{"CVE-2026-73552", lintRow{id: "header-values", scripted: true,
			edits: denyingFilter(`header: { name: x-note, string_match: { safe_regex: { regex: ".*guest.*" } } }`),
			open:  passes("/", "x-note: guest\xff")}, both},
		{"match_headers_individually", lintRow{id: "header-values", always: []string{off},
			edits: []string{firstRoute, firstRoute + roleRoute + strings.Replace(unasked, "prefix", "path", 1)},
			open:  passes("/open", "x-role: guest", "x-role: admin")}, first},
		{"CVE-2026-47775", lintRow{id: "oauth2-cookies", edits: withOAuth2(gcmGuards), open: encryptsByCBC,
			further: signInFindings(), always: signInFindings()}, first},
		{"CVE-2026-73547", lintRow{id: "connect-crash", open: ends,
			edits: []string{authzFilter, partnerFilter + authzFilter, firstRoute, firstRoute + connectRoute,
				clustersEnd, otherCluster + clustersEnd},
			finish: func(_ *testing.T, w *lintFixture, file string) string {
				return strings.Replace(file, "port_value: 65001", "port_value: "+port(w.other.address), 1)
			}}, both},
		// No test shows the use after free: it needs two events at the same time, and release
		// builds do not report it.
		{"CVE-2026-47205", lintRow{id: "override-crash", edits: []string{firstRoute,
			firstRoute + openRoute(perRouteType+", check_settings: { grpc_service: { envoy_grpc: { cluster_name: jwtgate } } }")}}, first},
	}
}

// TestLintReleases: on real Envoys of three releases, a hole is there exactly where the rule
// about it reports one: in the file with --envoy-version, and in what the Envoy says that it
// runs.
func TestLintReleases(t *testing.T) {
	w := startLintWorld(t)
	for _, row := range releaseRows() {
		for _, release := range []string{"1.37.0", "1.39.0", pinnedRelease} {
			t.Run(row.fix+"/"+release, func(t *testing.T) {
				w.quiet()
				w.tryRelease(t, row, release)
			})
		}
	}
}

func (w *lintFixture) tryRelease(t *testing.T, row releaseRow, release string) {
	t.Helper()
	expected := slices.Contains(row.in, release)
	want := row.always
	if expected {
		want = slices.Sorted(slices.Values(append([]string{row.id}, row.always...)))
	}
	text, address, admin := w.edited(t, row.lintRow, row.edits)
	running := programs.StartEnvoy(t, envoyOf(t, release), []byte(text), admin)
	p := &envoyProxy{Process: running, address: address, admin: admin}
	if got := w.lint(t, row.lintRow, testutil.File(t, "envoy.yaml", text), "--envoy-version", release); !slices.Equal(got, want) {
		t.Errorf("found %q in the file, want %q", got, want)
	}
	if got := w.lint(t, row.lintRow, testutil.File(t, "dump.json", p.dump(t))); !slices.Equal(got, want) {
		t.Errorf("found %q in the dump, want %q", got, want)
	}
	if row.open != nil && row.open(t, w, p) != expected {
		t.Errorf("the hole is there: %v, want %v", !expected, expected)
	}
}

// envoyOf returns the program of a release.
func envoyOf(t *testing.T, release string) string {
	t.Helper()
	if release == pinnedRelease {
		return envoyBinary
	}
	binary, err := filepath.Abs(filepath.Join("..", "..", ".tools", "envoy-"+release, "bin", "envoy"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run `make test-lint`, which downloads it", err)
	}
	return binary
}

// TestEncodedDotsAreNotResolved: in the pinned release too, the fix of CVE-2026-73551 does
// not apply to %2e%2e, so the rule's fix is not only another release.
func TestEncodedDotsAreNotResolved(t *testing.T) {
	w := startLintWorld(t)
	row := lintRow{edits: []string{firstRoute, firstRoute + openRoute(perRouteType+", disabled: true")}}
	text, address, admin := w.edited(t, row, row.edits)
	p := startEnvoy(t, []byte(text), address, admin)
	got := w.received(t, p, call{line: "GET /open/%2e%2e;/admin"})
	if got == nil || got.URI != "/open/..;/admin" {
		t.Errorf("the application got %+v, want the path /open/..;/admin", got)
	}
}
