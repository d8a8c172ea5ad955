package envoylint_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
)

// lints checks the shipped file with the row's edits.
func (r lintRow) lints(t *testing.T) {
	t.Helper()
	gate := plainGate()
	if r.gate != nil {
		r.gate(&gate)
	}
	wantFindings(t, lint(t, shippedWith(t, r.edits...), gate, envoylint.Plain), r.want...)
}

// perFilter returns an Envoy route with a setting of one filter.
func perFilter(match, cluster, filter, setting string) []string {
	return []string{firstRoute,
		firstRoute + "              - match: { " + match + " }\n                route: { cluster: " + cluster + " }\n" +
			"                typed_per_filter_config: { " + filter + ": { " + setting + " } }\n"}
}

// TestTrailers: on every route on which Envoy forwards trailers, a filter has to remove
// identity and override names from them.
func TestTrailers(t *testing.T) {
	const (
		name       = "envoy.filters.http.header_mutation"
		kind       = `"@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`
		off        = `"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true`
		http2      = "explicit_http_config: { http2_protocol_options: {} }"
		vhost      = "              typed_per_filter_config:\n"
		expression = "x.*|forwarded|script.name|path.info"
	)
	filter := between(t, "          - name: "+name+"\n", "          # Before ext_authz")
	without := func(more ...string) []string { return append([]string{filter, ""}, more...) }
	missing := []string{"request-trailers"}
	for _, row := range []lintRow{
		{name: "no filter", edits: without(), want: missing},
		{name: "no filter, and HTTP/1.1 to the application", edits: without(http2, "explicit_http_config: { http_protocol_options: {} }")},
		{name: "no filter, and HTTP/1.1 with trailers",
			edits: without(http2, "explicit_http_config: { http_protocol_options: { enable_trailers: true } }"), want: missing},
		{name: "no filter, and HTTP/3", edits: without(http2, "explicit_http_config: { http3_protocol_options: {} }"), want: missing},
		{name: "no filter, and the client's protocol", edits: without(http2, "use_downstream_protocol_config: {}"), want: missing},
		{name: "names in one spelling", edits: []string{filter, strings.ReplaceAll(filter, "[^a-z0-9]", "-")}, want: missing},
		{name: "a name of one word is left out", edits: []string{filter, strings.ReplaceAll(filter, "|forwarded", "")}, want: missing},
		{name: "off on a route", edits: perFilter("prefix: /a", "app_grpc", name, off), want: missing},
		{name: "off on a route without trailers", edits: perFilter("prefix: /a", "app", name, off)},
		{name: "off by default",
			edits: []string{filter,
				strings.Replace(filter, "            typed_config:", "            disabled: true\n            typed_config:", 1)}, want: missing},
		{name: "a filter that changes request headers only",
			edits: []string{filter, strings.Replace(filter, "request_trailers_", "request_", 1)}, want: missing},
		{name: "removed by the virtual host", edits: []string{
			filter, "          - name: " + name + "\n            typed_config: { " + kind + " }\n",
			vhost, vhost + "                " + name + ": { " + strings.Replace(kind, ".HeaderMutation", ".HeaderMutationPerRoute", 1) +
				", mutations: { request_trailers_mutations: [ { remove_on_match: { key_matcher: { safe_regex: { regex: \"" +
				expression + "\" } } } } ] } }\n",
		}},
	} {
		t.Run(row.name, row.lints)
	}
}

// TestNamedRouteCase: a route that names a route of the gate and matches the letter case
// of the path has a finding.
func TestNamedRouteCase(t *testing.T) {
	const names = perRoute + ", check_settings: { context_extensions: { jwtgate.route: known } }"
	named := func(match string) []string {
		return perFilter(match, "app", "envoy.filters.http.ext_authz", names)
	}
	found := []string{"named-route-case"}
	for _, row := range []lintRow{
		{name: "a prefix", edits: named("prefix: /Vault"), want: found},
		{name: "a whole path", edits: named("path: /vault"), want: found},
		{name: "whole segments", edits: named("path_separated_prefix: /vault, case_sensitive: true"), want: found},
		{name: "whatever the case", edits: named("prefix: /vault, case_sensitive: false")},
		{name: "no letters", edits: named("prefix: /4711/")},
		{name: "applications that distinguish case", edits: named("prefix: /vault"), gate: func(g *envoylint.Gate) { g.CaseSensitive = true }},
		{name: "the gate matches the path",
			edits: perFilter("prefix: /vault", "app", "envoy.filters.http.ext_authz", perRoute+", check_settings: {}")},
		{name: "a part of the traffic", edits: []string{firstRoute, firstRoute + "              - match: { prefix: /vault }\n" +
			"                route: { weighted_clusters: { clusters: [ { name: app, weight: 1, " +
			"typed_per_filter_config: { envoy.filters.http.ext_authz: { " + names + " } } } ] } }\n"},
			want: found},
	} {
		t.Run(row.name, row.lints)
	}
}
