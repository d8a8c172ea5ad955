package envoylint_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

const (
	runtimeLimit = "re2.max_program_size.error_level: 1000"
	routerEntry  = "          - name: envoy.filters.http.router\n" +
		"            typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }\n"
)

// sized returns a route whose regular expression has a program of this size: a literal
// with four bytes fewer.
func sized(size int) string {
	return "              - { match: { safe_regex: { regex: \"" + strings.Repeat("a", size-4) + "\" } }, direct_response: { status: 200 } }\n"
}

// TestStart: what the linter reports of files with which Envoy does not start, and of
// similar ones with which it does. The end-to-end tests show it.
func TestStart(t *testing.T) {
	routes := "              routes:\n"
	for name, row := range map[string]struct {
		edits, want []string
	}{
		"no limit":                {[]string{runtimeLimit, "other: 1"}, []string{"regex-rejected"}},
		"a limit that is too low": {[]string{runtimeLimit, "re2.max_program_size.error_level: 100"}, []string{"regex-rejected"}},
		"a limit as nested keys":  {[]string{runtimeLimit, "re2: { max_program_size: { error_level: 1000 } }"}, nil},
		"a limit that may come from a disk": {[]string{"{ name: static, ",
			"{ name: disk, disk_layer: { symlink_root: /a } }\n  - { name: static, ", runtimeLimit, "other: 1"}, []string{"regex-near-limit?"}},
		"another engine": {[]string{"admin:\n", "default_regex_engine: { name: a, typed_config: { \"@type\": " +
			"type.googleapis.com/envoy.extensions.regex_engines.v3.GoogleRE2 } }\nadmin:\n", runtimeLimit, "other: 1"}, nil},
		"just below the limit":            {[]string{routes, routes + sized(950)}, []string{"regex-near-limit?"}},
		"far below the limit":             {[]string{routes, routes + sized(850)}, nil},
		"far above the limit":             {[]string{routes, routes + sized(1150)}, []string{"regex-rejected"}},
		"an expression that is not valid": {[]string{routes, routes + strings.Replace(sized(8), "aaaa", "(a", 1)}, []string{"regex-rejected"}},
		"a class that Go does not know":   {[]string{routes, routes + strings.Replace(sized(8), "aaaa", `\\C`, 1)}, nil},
		"a filter after the router": {[]string{routerEntry, routerEntry + "          - { name: a, typed_config: { \"@type\": " +
			"type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors } }\n"}, []string{"router-not-last"}},
		"no router": {[]string{routerEntry, ""}, []string{"router-not-last"}},
		"two layers": {
			[]string{"  - { name: static, ", "  - { name: static, admin_layer: {} }\n  - { name: static, "}, []string{"duplicate"},
		},
		"two other layers":    {[]string{"  - { name: static, ", "  - { name: admin, admin_layer: {} }\n  - { name: static, "}, nil},
		"two equal domains":   {[]string{`domains: [ "*" ]`, `domains: [ "a.example", "*", "A.example" ]`}, []string{"duplicate"}},
		"two equal listeners": {[]string{"  listeners:\n", "  listeners:\n" + secondListener("8080")}, []string{"duplicate"}},
		"two listeners":       {[]string{"  listeners:\n", "  listeners:\n" + secondListener("8081")}, nil},
		"a route without a cluster": {[]string{"route: { cluster: app, timeout: 0s }", "route: { cluster: ap, timeout: 0s }"},
			[]string{"cluster-missing"}},
		"a route to a cluster that may be fetched": {[]string{"route: { cluster: app, timeout: 0s }", "route: { cluster: ap, timeout: 0s }",
			"admin:\n", "dynamic_resources: { cds_config: { ads: {} } }\nadmin:\n"}, []string{"cluster-elsewhere?"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFindings(t, lint(t, shippedWith(t, row.edits...), plainGate(), envoylint.Plain), row.want...)
		})
	}
}

// secondListener returns a listener that only redirects.
func secondListener(port string) string {
	return `  - name: second
    address: { socket_address: { address: 127.0.0.1, port_value: ` + port + ` } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: second
          route_config:
            virtual_hosts: [ { name: a, domains: [ "*" ], routes: [ { match: { prefix: / }, redirect: { https_redirect: true } } ] } ]
          http_filters: [ { name: r, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } } ]
`
}

// TestLargeExpressions: one finding names the largest expression and counts the others.
func TestLargeExpressions(t *testing.T) {
	report := lint(t, shippedWith(t, runtimeLimit, "other: 1"), plainGate(), envoylint.Plain)
	if len(report.Findings) != 1 {
		t.Fatalf("%d findings: %v", len(report.Findings), report.Findings)
	}
	f := report.Findings[0]
	if !strings.Contains(f.Text, "has the size 340 (3 expressions more), and the limit is 100") ||
		!strings.HasSuffix(f.Path, ".decoder_header_mutation_rules.allow_expression.regex") {
		t.Errorf("%s: %s", f.Path, f.Text)
	}
}
