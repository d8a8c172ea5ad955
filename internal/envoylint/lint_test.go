package envoylint_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/envoylint"
)

const (
	authzFilter = "          - name: envoy.filters.http.ext_authz\n"
	option      = "              transport_api_version: V3\n"
	firstRoute  = "              routes:\n"
	vhost       = "              domains: [ \"*\" ]\n"
	router      = "          - name: envoy.filters.http.router\n"
	perRoute    = `"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`
)

// TestTheShippedFileIsClean: the shipped file has no finding, with the edits that a
// configuration needs; without them it has.
func TestTheShippedFileIsClean(t *testing.T) {
	wantFindings(t, lint(t, shippedWith(t), plainGate(), envoylint.Plain))

	own := plainGate()
	own.Identity = append(own.Identity, "x-team", "x-user-roles")
	own.Tokens = append(own.Tokens, "x-jwt", "cookie", "sec-websocket-protocol")
	own.TakenOut = append(own.TakenOut, "x-jwt", "cookie", "sec-websocket-protocol")
	own.Reads = append(own.Reads, "x-jwt", "cookie", "sec-websocket-protocol", "x-tenant")
	own.Sets = []string{"x-envoy-upstream-stream-duration-ms"}
	edit := envoy.Edit{Identity: append(envoy.IdentityNames(), "x-team"), Tokens: []string{"x-jwt"}, Conditions: []string{"x-tenant"}}
	for _, gate := range []string{"", "unix:/run/jwtgate/gate.sock", "jwtgate:9001", "localhost:9001"} {
		edit.Gate = gate
		file, err := envoy.Bootstrap(edit)
		if err != nil {
			t.Fatal(err)
		}
		wantFindings(t, lint(t, string(file), own, envoylint.Plain))
	}
	report := lint(t, shippedWith(t), own, envoylint.Plain)
	wantFindings(t, report, "early-strip-missing", "headers-not-sent", "mutation-rules-too-narrow", "request-trailers")
	for _, f := range report.Findings {
		if !strings.Contains(f.Text, "x-team") {
			t.Errorf("x-team is missing in: %s", f)
		}
	}
	own = plainGate()
	own.ReadsAny = true
	wantFindings(t, lint(t, shippedWith(t), own, envoylint.Plain), "headers-not-sent")
	file, err := envoy.Bootstrap(envoy.Edit{SendAll: true})
	if err != nil {
		t.Fatal(err)
	}
	wantFindings(t, lint(t, string(file), own, envoylint.Plain))
}

// lintRow is an edit of the shipped file and the rules of its findings.
type lintRow struct {
	name  string
	edits []string
	gate  func(*envoylint.Gate)
	want  []string
}

// TestVariants: several forms of a setting have the same findings. The end-to-end tests
// show on a real Envoy that they mean the same.
func TestVariants(t *testing.T) {
	reply := func(filter string) []string {
		return []string{"            mappers:\n",
			"            mappers:\n            - filter: " + filter + "\n              body: { inline_string: x }\n"}
	}
	disabled := func(level string) []string {
		return []string{firstRoute, firstRoute + level}
	}
	timeout := func(text string) []string { return []string{"timeout: 0.8s # for all attempts together", text} }
	const keptAlive = "common_http_protocol_options: { idle_timeout: 1s } # edit: keep-alive\n" +
		"        explicit_http_config: { http_protocol_options: {} }"
	keptAliveFor := func(settings string) string {
		return "common_http_protocol_options: { " + settings + " }\n        explicit_http_config: { http_protocol_options: {} }"
	}
	expression := func(text string) string {
		return `{ extension_filter: { name: cel, typed_config: { "@type": ` +
			`type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter, expression: "` + text + `" } } }`
	}
	tlsWith := func(common string) []string {
		return []string{"    connect_timeout: 0.25s\n",
			"    connect_timeout: 0.25s\n    transport_socket: { name: tls, typed_config: { \"@type\": " +
				"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: { " + common + " } } }\n"}
	}
	for _, row := range []lintRow{
		{name: "names in camel case", edits: []string{"normalize_path: true", "normalizePath: true"}},
		{name: "a YAML word for true", edits: []string{"normalize_path: true", "normalize_path: On"}},
		{name: "the same word in quotes", edits: []string{"normalize_path: true", `normalize_path: "on"`},
			want: []string{"not-read", "path-not-normalized"}},
		{name: "the last of two keys counts",
			edits: []string{"normalize_path: true", "normalize_path: true\n          normalize_path: false"}, want: []string{"path-not-normalized"}},
		{name: "null is the same as absent", edits: []string{"normalize_path: true", "normalize_path: null"},
			want: []string{"path-not-normalized"}},
		{name: "an enumeration's number", edits: []string{"REJECT_REQUEST", "2"}},
		{name: "an enumeration's zero", edits: []string{"REJECT_REQUEST", "0"}, want: []string{"escaped-slashes"}},
		{name: "redirected slashes", edits: []string{"REJECT_REQUEST", "UNESCAPE_AND_REDIRECT"}},
		{name: "slashes that are kept", edits: []string{"REJECT_REQUEST", "KEEP_UNCHANGED"}, want: []string{"escaped-slashes"}},
		{name: "slashes that jwtgate relaxes",
			edits: []string{"REJECT_REQUEST", "KEEP_UNCHANGED", "          merge_slashes: true # edit: double_slash\n", ""},
			gate:  func(g *envoylint.Gate) { g.EncodedSlash, g.DoubleSlash = true, true }},
		{name: "a limit for headers that just fits", gate: func(g *envoylint.Gate) { g.HeaderBytes = 52 << 10 }},
		{name: "a limit for headers that is too small", gate: func(g *envoylint.Gate) { g.HeaderBytes = 52<<10 + 1 },
			want: []string{"request-headers-too-small"}},
		{name: "a limit for headers that is raised", gate: func(g *envoylint.Gate) { g.HeaderBytes = 52<<10 + 1 },
			edits: []string{"max_request_headers_kb: 60", "max_request_headers_kb: 61"}},
		{name: "a limit for headers that no file can have", gate: func(g *envoylint.Gate) { g.HeaderBytes = 1 << 20 }},
		{name: "idle connections that Envoy keeps", edits: []string{keptAlive, keptAliveFor("")}, want: []string{"keep-alive?"}},
		{name: "idle connections kept for long", edits: []string{keptAlive, keptAliveFor("idle_timeout: 1.001s")}, want: []string{"keep-alive?"}},
		{name: "idle connections kept without limit", edits: []string{keptAlive, keptAliveFor("idle_timeout: 0s")},
			want: []string{"keep-alive?"}},
		{name: "idle connections kept for a short time", edits: []string{keptAlive, keptAliveFor("idle_timeout: 0.5s")}},
		{name: "connections for one request each", edits: []string{keptAlive, keptAliveFor("max_requests_per_connection: 1")}},
		{name: "an idle timeout in the older place, which Envoy ignores",
			edits: []string{keptAlive, keptAliveFor(""), "    connect_timeout: 0.5s\n    per_connection_buffer_limit_bytes: 32768\n" +
				"    load_assignment:\n      cluster_name: app\n",
				"    common_http_protocol_options: { idle_timeout: 1s }\n    connect_timeout: 0.5s\n    load_assignment:\n      cluster_name: app\n"},
			want: []string{"keep-alive?"}},
		{name: "the parts of an aggregate", edits: []string{firstRoute, firstRoute +
			"              - { match: { prefix: \"/a\" }, route: { cluster: both } }\n", "  clusters:\n",
			"  clusters:\n  - { name: both, lb_policy: CLUSTER_PROVIDED, cluster_type: { name: a, typed_config: { \"@type\": " +
				"type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ app, part ] } } }\n" +
				"  - { name: part, type: STATIC }\n"}, want: []string{"keep-alive?"}},
		{name: "underscores that are refused", edits: []string{"DROP_HEADER", "REJECT_REQUEST"}},
		{name: "addresses that an extension finds",
			edits: []string{"use_remote_address: true", "original_ip_detection_extensions: [ { name: a } ]"}},
		{name: "relaxed overrides stay", gate: func(g *envoylint.Gate) { g.Overrides, g.Removed = nil, nil },
			edits: []string{between(t, "              # Some applications use these headers", "              # Envoy sets this header"), "",
				between(t, trailerOverrides, "          # Before ext_authz"), ""}},
		{name: "an early removal by name", gate: func(g *envoylint.Gate) {
			g.Overrides = []string{"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "forwarded"}
		}, edits: []string{between(t, "              # Some applications use these headers", "              # Envoy sets this header"),
			"              - remove: X-HTTP-Method-Override\n              - remove: x-http-method\n" +
				"              - remove: x-method-override\n              - remove: x-original-url\n" +
				"              - remove: Forwarded\n              - remove_on_match: { key_matcher: { prefix: X-REWRITE, ignore_case: true } }\n"},
			want: []string{"early-strip-spellings"}},
		{name: "an early removal of the token",
			edits: []string{"              - remove: x-envoy-auth-failure-mode-allowed\n",
				"              - remove: authorization\n"}, want: []string{"early-strip-too-wide"}},

		{name: "a TypedStruct", edits: []string{between(t, authzFilter, "              transport_api_version"),
			authzFilter +
				"            typed_config:\n              \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n" +
				"              type_url: type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz\n" +
				"              value: { failure_mode_allow: true }\n              rest:\n"},
			want: []string{"failure-mode-allow", "status-on-error", "raw-headers", "validate-mutations", "mutation-rules-missing",
				"grpc-timeout", "no-retry"}},
		{name: "a matcher decides", edits: []string{
			"              \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz\n" + option,
			"              \"@type\": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher\n" +
				"              extension_config: { name: a, typed_config: { \"@type\": " +
				"type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, stat_prefix: jwtgate } }\n              rest: 1\n",
		},
			want: []string{"ext-authz-conditional", "not-read", "status-on-error", "raw-headers", "validate-mutations",
				"mutation-rules-missing", "grpc-timeout", "no-retry"}},
		{name: "all of a million requests are checked",
			edits: []string{option, option + "              filter_enabled: { default_value: { numerator: 1000000, denominator: MILLION } }\n"}},
		{name: "half of the requests are checked, the rest denied",
			edits: []string{option,
				option +
					"              filter_enabled: { default_value: { numerator: 50 } }\n" +
					"              deny_at_disable: { default_value: true, runtime_key: a }\n"}},
		{name: "half of the requests are checked",
			edits: []string{option, option + "              filter_enabled: { default_value: { numerator: 50 } }\n"},
			want:  []string{"ext-authz-conditional"}},
		{name: "an unknown filter before the gate",
			edits: []string{authzFilter,
				"          - name: new\n            typed_config: { \"@type\": type.googleapis.com/envoy.new.v9.Thing, " +
					"x: [ { y: 1 } ] }\n" + authzFilter}, want: []string{"not-read"}},
		{name: "a status by its name", edits: []string{"status_on_error: { code: 503 }", "status_on_error: { code: BadGateway }"}},
		{name: "a status other than 5xx",
			edits: []string{"status_on_error: { code: 503 }", "status_on_error: { code: TooManyRequests }"}, want: []string{"status-on-error"}},

		{name: "a redirect without a check",
			edits: disabled("              - match: { prefix: /a }\n                redirect: { https_redirect: true }\n" +
				"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute + ", disabled: true } }\n")},
		{name: "a part of a weighted cluster without a check",
			edits: disabled("              - match: { prefix: /a }\n" +
				"                route: { weighted_clusters: { clusters: [ { name: app, weight: 1 }, { name: app_grpc, weight: 1, " +
				"typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute + ", disabled: true } } } ] } }\n"),
			want: []string{"ext-authz-disabled"}},
		{name: "a host without a check, whose routes have one", edits: []string{
			"              typed_per_filter_config:\n",
			"              typed_per_filter_config:\n                envoy.filters.http.ext_authz: { " + perRoute + ", disabled: true }\n",
			"                route: { cluster: app_grpc, timeout: 0s }\n",
			"                route: { cluster: app_grpc, timeout: 0s }\n" +
				"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute + ", check_settings: {} } }\n",
			"                route: { cluster: app, timeout: 0s }\n",
			"                route: { cluster: app, timeout: 0s }\n" +
				"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute + ", check_settings: {} } }\n",
		}},
		{name: "an unknown key of jwtgate",
			edits: disabled("              - match: { prefix: /a }\n                route: { cluster: app }\n" +
				"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute +
				", check_settings: { context_extensions: { jwtgate.rout: known, mine: x } } } }\n"),
			want: []string{"route-unknown"}},
		{name: "the gate itself by other settings",
			edits: disabled("              - match: { prefix: /a }\n                route: { cluster: app }\n" +
				"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute +
				", check_settings: { grpc_service: { envoy_grpc: { cluster_name: jwtgate } } } } }\n")},
		{name: "an identity header in other spelling is removed",
			edits: []string{vhost, vhost + "              request_headers_to_remove: [ X_User.Id, x-other ]\n"},
			want:  []string{"identity-rewritten"}},
		{name: "a filter after the gate sets an identity header",
			edits: []string{router,
				"          - name: m\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation, " +
					"mutations: { request_mutations: [ { remove: x-a }, { append: { header: { key: x-user-id, value: a } } } ] } }\n" + router},
			want: []string{"identity-rewritten"}},
		{name: "a rate limit by user before the gate",
			edits: []string{authzFilter,
				"          - name: limit\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit }\n" + authzFilter,
				vhost,
				vhost +
					"              rate_limits: [ { actions: [ { request_headers: { header_name: x-user-id, " +
					"descriptor_key: user } } ] } ]\n"}, want: []string{"identity-before-ext-authz"}},
		{name: "a rate limit by address before the gate",
			edits: []string{authzFilter,
				"          - name: limit\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit }\n" + authzFilter,
				vhost, vhost + "              rate_limits: [ { actions: [ { remote_address: {} } ] } ]\n"}},
		{name: "a policy on the gate's metadata before the gate",
			edits: []string{authzFilter,
				"          - name: rbac\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, " +
					"rules: { policies: { a: { principals: [ { metadata: { filter: envoy.filters.http.ext_authz } } ] } } } }\n" + authzFilter},
			want: []string{"identity-before-ext-authz"}},
		{name: "CORS after the gate, with jwtgate's own CORS", gate: func(g *envoylint.Gate) { g.AnswersCORS = true },
			edits: []string{between(t, "          - name: envoy.filters.http.cors\n", authzFilter), "", router,
				between(t, "          - name: envoy.filters.http.cors\n", authzFilter) + router}},

		{name: "replies: an outage of the application's",
			edits: reply("{ status_code_filter: { comparison: { op: EQ, value: { default_value: 502, runtime_key: a } } } }")},
		{name: "replies: all 5xx",
			edits: reply("{ status_code_filter: { comparison: { op: GE, value: { default_value: 500, runtime_key: a } } } }"),
			want:  []string{"local-reply-overwrites"}},
		{name: "replies: all but 200",
			edits: reply("{ status_code_filter: { comparison: { op: NE, value: { default_value: 200, runtime_key: a } } } }"),
			want:  []string{"local-reply-overwrites"}},
		{name: "replies: up to 399",
			edits: reply("{ status_code_filter: { comparison: { op: LE, value: { default_value: 399, runtime_key: a } } } }")},
		{name: "replies: another flag", edits: reply("{ response_flag_filter: { flags: [ UH, NR ] } }")},
		{name: "replies: any flag", edits: reply("{ response_flag_filter: {} }"), want: []string{"local-reply-overwrites"}},
		{name: "replies: the flag and 503",
			edits: reply("{ and_filter: { filters: [ { response_flag_filter: { flags: [ UAEX ] } }, " +
				"{ status_code_filter: { comparison: { value: { default_value: 503 } } } } ] } }"), want: []string{"local-reply-overwrites"}},
		{name: "replies: the flag and 504",
			edits: reply("{ and_filter: { filters: [ { response_flag_filter: { flags: [ UAEX ] } }, " +
				"{ status_code_filter: { comparison: { value: { default_value: 504 } } } } ] } }")},
		{name: "replies: one of several",
			edits: reply("{ or_filter: { filters: [ { response_flag_filter: { flags: [ UH ] } }, " +
				"{ response_flag_filter: { flags: [ UAEX ] } } ] } }"), want: []string{"local-reply-overwrites"}},
		{name: "replies: an expression by details", edits: reply(expression("response.code_details == 'no_healthy_upstream'"))},
		{name: "replies: an expression by status", edits: reply(expression("response.code >= 500")), want: []string{"local-reply-overwrites"}},
		{name: "replies: every one",
			edits: []string{"            mappers:\n",
				"            body_format: { text_format_source: { inline_string: \"%LOCAL_REPLY_BODY% sorry\" } }\n" +
					"            mappers:\n"}, want: []string{"local-reply-overwrites"}},
		{name: "replies: as they are",
			edits: []string{"            mappers:\n",
				"            body_format: { text_format_source: { inline_string: \"%LOCAL_REPLY_BODY%\" } }\n            mappers:\n"}},

		{name: "rules by what is forbidden",
			edits: []string{"                disallow_all: true\n", "                disallow_expression: { regex: \"x-any.*\" }\n"}},
		{name: "rules with Envoy's headers",
			edits: []string{"                disallow_all: true\n",
				"                disallow_expression: { regex: \"x-any.*\" }\n                allow_envoy: true\n"},
			want: []string{"mutation-rules-too-wide"}},
		{name: "rules with the host",
			edits: []string{"                disallow_all: true\n",
				"                disallow_expression: { regex: \"x-any.*\" }\n                allow_all_routing: true\n"},
			want: []string{"mutation-rules-too-wide"}},
		{name: "a route cache that is cleared, with rules", edits: []string{"clear_route_cache: false", "clear_route_cache: true"}},
		{name: "a route cache that is cleared by a header",
			edits: []string{"clear_route_cache: false", "clear_route_cache_headers: [ x-tenant ]",
				"                disallow_all: true\n", ""}, want: []string{"clear-route-cache", "mutation-rules-too-wide"}},

		{name: "no timeout at all", edits: timeout("timeout: 0s"), want: []string{"grpc-timeout"}},
		{name: "a long timeout", edits: timeout("timeout: 30s"), want: []string{"grpc-timeout"}},
		{name: "retries: 5xx covers most", edits: []string{"connect-failure,refused-stream,unavailable,reset", "5xx,unavailable"}},
		{name: "retries: none", edits: []string{"num_retries: 2", "num_retries: 0"}, want: []string{"no-retry"}},
		{name: "retries: no back-off",
			edits: []string{"                  retry_back_off: { base_interval: 0.005s, max_interval: 0.25s }\n", ""},
			want:  []string{"per-try-timeout"}},
		{name: "a budget of retries", edits: []string{"max_retries: 1000", "retry_budget: { budget_percent: { value: 100 } }"}},
		{name: "breakers of another priority", edits: []string{"thresholds: [ {", "thresholds: [ { priority: HIGH, max_retries: 1 }, {"}},
		{name: "a health check of another kind",
			edits: []string{"grpc_health_check: { service_name: envoy.service.auth.v3.Authorization }", "tcp_health_check: {}"},
			want:  []string{"no-health-check"}},
		{name: "HTTP/2 by the handshake",
			edits: []string{
				"explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: 5s, timeout: 1s } } }",
				"auto_config: { http2_protocol_options: {} }"}},
		{name: "another transport",
			edits: []string{"    connect_timeout: 0.25s\n",
				"    connect_timeout: 0.25s\n    transport_socket: { name: tap, typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.transport_sockets.tap.v3.Tap } }\n"}},
		{name: "a mesh's transports", gate: func(g *envoylint.Gate) { g.TLS = true },
			edits: []string{"    connect_timeout: 0.25s\n", "    connect_timeout: 0.25s\n    transport_socket_matches: [ { name: a } ]\n"}},
		{name: "TLS on one side", edits: tlsWith("validation_context: { trusted_ca: { filename: a } }, alpn_protocols: [ h2 ]"),
			want: []string{"gate-tls"}},
		{name: "TLS on the other side", gate: func(g *envoylint.Gate) { g.TLS = true }, want: []string{"gate-tls"}},
		{name: "TLS on both sides", gate: func(g *envoylint.Gate) { g.TLS = true },
			edits: tlsWith("validation_context: { trusted_ca: { filename: a } }, alpn_protocols: [ h2 ]")},
		{name: "TLS without verification", gate: func(g *envoylint.Gate) { g.TLS = true },
			edits: tlsWith("validation_context: { match_typed_subject_alt_names: [] }, alpn_protocols: [ h2 ]"), want: []string{"gate-unverified"}},
		{name: "TLS with authorities that are fetched", gate: func(g *envoylint.Gate) { g.TLS = true },
			edits: tlsWith("combined_validation_context: {}, alpn_protocols: [ h2, http/1.1 ]")},
		{name: "TLS without h2", gate: func(g *envoylint.Gate) { g.TLS = true },
			edits: tlsWith("validation_context_sds_secret_config: { name: ca }"), want: []string{"gate-tls"}},
		{name: "TLS with h2 by the handshake", gate: func(g *envoylint.Gate) { g.TLS = true },
			edits: append(tlsWith("validation_context_sds_secret_config: { name: ca }"),
				"explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: 5s, timeout: 1s } } }",
				"auto_config: { http2_protocol_options: {} }")},
		{name: "mutual TLS without a certificate", gate: func(g *envoylint.Gate) { g.TLS, g.ClientTLS = true, true },
			edits: tlsWith("combined_validation_context: {}, alpn_protocols: [ h2 ]"), want: []string{"gate-tls"}},
		{name: "mutual TLS with one that is fetched", gate: func(g *envoylint.Gate) { g.TLS, g.ClientTLS = true, true },
			edits: tlsWith("combined_validation_context: {}, alpn_protocols: [ h2 ], tls_certificate_sds_secret_configs: [ { name: own } ]")},
		{name: "names that an extension looks up",
			edits: []string{"    type: STRICT_DNS # edit: gate-type\n" +
				"    dns_lookup_family: V4_PREFERRED # the default resolves localhost to ::1, where nothing listens\n",
				"    cluster_type: { name: dns, typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster } }\n",
				"{ address: 127.0.0.1, port_value: 9001 }", "{ address: localhost, port_value: 9001 }"},
			want: []string{"dns-family"}},
		{name: "a socket that is looked up",
			edits: []string{"socket_address: { address: 127.0.0.1, port_value: 9001 }", "pipe: { path: /run/gate.sock }"},
			want:  []string{"unix-static"}},
		{name: "the other gRPC client",
			edits: []string{"envoy_grpc: { cluster_name: jwtgate }", "google_grpc: { target_uri: jwtgate:9001 }"}, want: []string{"google-grpc"}},
		{name: "a small timeout and a small back-off",
			edits: append(timeout("timeout: 0.3s"), "max_interval: 0.25s", "max_interval: 0.02s"),
			want:  []string{"grpc-timeout", "per-try-timeout"}},
		{name: "another server on a route",
			edits: disabled("              - match: { safe_regex: { regex: a } }\n                route: { cluster: app }\n" +
				"                typed_per_filter_config: { envoy.filters.http.ext_authz: { " + perRoute +
				", check_settings: { http_service: { server_uri: { cluster: other } } } } }\n"),
			want: []string{"other-server"}},
		{name: "a cache before the gate",
			edits: []string{authzFilter,
				"          - name: cache\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.cache_v2.v3.CacheV2Config }\n" + authzFilter},
			want: []string{"answered-before-ext-authz"}},
		{name: "a filter that no route can be seen to switch on",
			edits: []string{between(t, "          route_config:\n", "          http_filters:\n"),
				"          rds: { route_config_name: elsewhere }\n", authzFilter, authzFilter + "            disabled: true\n"},
			want: []string{"routes-elsewhere", "ext-authz-disabled"}},
		{name: "an admin interface for all",
			edits: []string{"socket_address: { address: 127.0.0.1, port_value: 9901 }",
				"socket_address: { address: \"::\", port_value: 9901 }"}, want: []string{"admin-open"}},
		{name: "an admin interface on loopback in its IPv6 form",
			edits: []string{"socket_address: { address: 127.0.0.1, port_value: 9901 }",
				"socket_address: { address: \"::ffff:127.0.0.1\", port_value: 9901 }"}},
		{name: "an admin interface on a socket",
			edits: []string{"socket_address: { address: 127.0.0.1, port_value: 9901 }", "pipe: { path: /run/admin.sock }"}},
		{name: "a log of what an extension sends",
			edits: []string{"          access_log:\n",
				"          access_log:\n          - name: als\n" +
					"            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig, " +
					"additional_request_headers_to_log: [ Authorization ] }\n"}, want: []string{"token-logged"}},
		{name: "Envoy's own format, with tokens in queries", gate: func(g *envoylint.Gate) { g.QueryTokens = true },
			edits: []string{"          access_log:\n",
				"          access_log:\n          - { name: a, typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog } }\n"}, want: []string{"token-logged"}},
		{name: "paths without their query", gate: func(g *envoylint.Gate) { g.QueryTokens = true },
			edits: []string{`protocol: "%PROTOCOL%"`, `protocol: "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%"`}},
	} {
		t.Run(row.name, row.lints)
	}
}

// TestPlaces: the place of a finding is the line to edit, in YAML and in JSON, and its
// path leads to the value.
func TestPlaces(t *testing.T) {
	text := shippedWith(t, "failure_mode_allow: false", "failure_mode_allow: true",
		"          merge_slashes: true # edit: double_slash\n", "", `exact: "authorization"`, `exact: "authorisation"`)
	report := lint(t, text, plainGate(), envoylint.Plain)
	wantFindings(t, report, "failure-mode-allow", "slashes-not-merged", "headers-not-sent")
	lines := strings.Split(text, "\n")
	for _, f := range report.Findings {
		rest := []rune(lines[f.Pos.Line-1])[f.Pos.Column-1:]
		last := f.Path[strings.LastIndexByte(f.Path, '.')+1:]
		if f.Rule.ID == "slashes-not-merged" { // an absent field has its parent's place
			last = "typed_config"
		}
		if !strings.HasPrefix(string(rest), last+":") {
			t.Errorf("%s: got %q at this place", f, string(rest))
		}
	}
	var tree any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	for _, indent := range []string{"\t", ""} {
		data, err := json.MarshalIndent(map[string]any{
			"node":             map[string]any{"metadata": map[string]any{"näme \\\"": "\U0001F600 \\", "rest": nil}},
			"static_resources": tree.(map[string]any)["static_resources"],
			"layered_runtime":  tree.(map[string]any)["layered_runtime"],
		}, "", indent)
		if err != nil {
			t.Fatal(err)
		}
		same := lint(t, string(data), plainGate(), envoylint.Plain)
		if !slices.Equal(ids(same), ids(report)) {
			t.Errorf("as JSON: %q, want %q", ids(same), ids(report))
		}
		lines := strings.Split(string(data), "\n")
		for i, f := range same.Findings {
			rest := string([]rune(lines[f.Pos.Line-1])[f.Pos.Column-1:])
			name := regexp.MustCompile(`^"(typed_config|failure_mode_allow|allowed_headers)":`)
			if !name.MatchString(rest) {
				t.Errorf("as JSON: %s: got %.60q at this place", f, rest)
			}
			if !slices.ContainsFunc(report.Findings, func(one envoylint.Finding) bool { return one.Path == f.Path }) {
				t.Errorf("as JSON: finding %d has a different path: %s", i, f.Path)
			}
		}
	}
}

// TestUnreadable: the error about a file that is not an Envoy file says what to do.
func TestUnreadable(t *testing.T) {
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	bomb := "a0: &a0 [ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 ]\n"
	for i := range 8 {
		bomb += fmt.Sprintf("a%d: &a%d [ %s ]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	for _, row := range []struct{ name, text, want string }{
		{"nothing", " \n", "envoy.yaml:1:1: the file is empty; expected Envoy's bootstrap"},
		{"comments", "# a\n", "envoy.yaml:1:1: the file has no value"},
		{"no YAML", "a: [\n", "neither YAML nor JSON"},
		{"a tab", "a:\n\tb: 1\n", "envoy.yaml:2:"},
		{"bytes", "\xff\xfe\x00", "the file is not valid UTF-8"},
		{"a list", "- a\n", "expected an Envoy bootstrap"},
		{"another YAML file", "issuers: {a: {}}\n",
			"expected an Envoy bootstrap (with static_resources), xDS resources (under resources) or the admin interface's dump"},
		{"another JSON file", `{"a": 1}`, "expected an Envoy bootstrap"},
		{"a manifest", "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\n", "got a Kubernetes manifest (SecurityPolicy)"},
		{"no listener", "static_resources: { clusters: [] }\n", "the file has no listener"},
		{"fetched listeners", "dynamic_resources: { lds_config: { ads: {} } }\n", "this bootstrap fetches its listeners"},
		{"no HTTP",
			"static_resources: { listeners: [ { filter_chains: [ { filters: [ { name: tcp, " +
				"typed_config: { \"@type\": a/b.TcpProxy } } ] } ] } ] }\n", "no listener has an HTTP connection manager"},
		{"the second version",
			"static_resources: { listeners: [ { filter_chains: [ { filters: [ { name: hcm, " +
				"typed_config: { \"@type\": a/envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager } } ] } ] } ] }\n",
			"no listener has an HTTP connection manager that lint-envoy can read (line 1: " +
				"envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager belongs to version 2 of Envoy's API"},
		{"a listener of the second version", "resources: [ { \"@type\": a/envoy.api.v2.Listener } ]\n",
			"no listener that lint-envoy can read (line 1: envoy.api.v2.Listener belongs to version 2"},
		{"only a sidecar's outbound listener",
			"node: { id: sidecar~a }\nstatic_resources: { listeners: [ { name: out, traffic_direction: OUTBOUND, " +
				"filter_chains: { filters: { name: hcm, typed_config: { \"@type\": " + hcmType + " } } } } ] }\n",
			"the only listeners with an HTTP connection manager are a sidecar's outbound ones (out)"},
		{"only a sidecar's outbound listener for TCP",
			"node: { id: sidecar~a }\nstatic_resources: { listeners: [ { name: out, traffic_direction: OUTBOUND } ] }\n",
			"no listener has an HTTP connection manager, so"},
		{"a name that is repeated in JSON", `{"static_resources": {"listeners": [], "listeners": []}}`,
			`envoy.yaml:1:40: the name "listeners" is repeated`},
		{"another line break in YAML", "a: b # c\u2028static_resources: {}\n", "line 1 has the character U+2028"},
		{"NEL in YAML", "\na: b # c\u0085static_resources: {}\n", "line 2 has the character U+0085"},
		{"an escaped tag of a key", "static_resources: { !%69gnore listeners: [] }\n", `the key "listeners" has a tag`},
		{"an escaped tag of a key, and the tag in a comment", "static_resources:\n  !%69gnore listeners: [] # !ignore listeners\n",
			`the key "listeners" has a tag`},
		{"another tag of a key", "static_resources: { !foo listeners: [] }\n", `the key "listeners" has a tag`},
		{"a key that is a list", "static_resources: { ? [ a ] : b }\n", "got a key that is not a single value"},
		{"an empty dump", `{"configs": []}`, "expected an Envoy bootstrap"},
		{"deep", "static_resources: " + deep, "nest"},
		{"deep JSON", `{"static_resources": ` + deep + `}`, "nest deeper than 200"},
		{"aliases upon aliases", bomb + "static_resources: *a8\n", "its aliases expand to more than 100000 values"},
		{"an alias inside itself", "static_resources: &a { listeners: [ *a ] }\n", "nest deeper than 200"},
		{"a large one", strings.Repeat("#", envoylint.MaxBytes+1), "larger than 64 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			report, err := envoylint.Lint("envoy.yaml", []byte(row.text), plainGate(), envoylint.Plain)
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "envoy.yaml") {
				t.Errorf("%v, %v, want %q", report, err, row.want)
			}
		})
	}
}

// TestAliases: aliases are expanded, as Envoy does.
func TestAliases(t *testing.T) {
	text := shippedWith(t, "failure_mode_allow: false", "failure_mode_allow: *on", "normalize_path: true", "normalize_path: &on true")
	wantFindings(t, lint(t, text, plainGate(), envoylint.Plain), "failure-mode-allow")
}
