package envoylint_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/envoylint"
	"github.com/jwtgate/jwtgate/internal/envoyproto"
)

// TestMessageTypes: envoyproto describes the messages that rules look for.
func TestMessageTypes(t *testing.T) {
	for _, name := range envoylint.MessageTypes() {
		if _, ok, err := envoyproto.Find(string(name)); !ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

const (
	hcmType      = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
	routerOnly   = `{ name: router, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }`
	authzType    = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
	listenersKey = "  listeners:\n"
	routeConfig  = "          route_config:\n"
	upgrades     = "          upgrade_configs: [ { upgrade_type: websocket } ]\n"
	toApp        = "route: { cluster: app, timeout: 0s }"
)

// open returns a listener that calls no gate; each argument is the form of a part, with X
// for the part.
func open(chains, filters, hosts, routes string) string {
	part := func(form, inner string) string { return strings.Replace(form, "X", inner, 1) }
	return `{ name: open, address: { socket_address: { address: 127.0.0.1, port_value: 81 } }, filter_chains: ` + part(chains,
		`{ filters: `+
			part(filters, `{ name: hcm, typed_config: { "@type": `+hcmType+`, stat_prefix: open, normalize_path: true, merge_slashes: true,
      path_with_escaped_slashes_action: REJECT_REQUEST, use_remote_address: true, request_headers_timeout: 10s,
      common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER },
      route_config: { virtual_hosts: `+
				part(hosts, `{ name: a, domains: "*", routes: `+part(routes, `{ match: { prefix: / }, route: { cluster: app } }`)+` }`)+
				` }, http_filters: `+routerOnly+` } }`)+` }`) + " }"
}

// tcpTo returns a listener that forwards raw bytes to a cluster.
func tcpTo(cluster string) string {
	return `{ name: tcp, filter_chains: { filters: { name: tcp, typed_config: { "@type": ` +
		`type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ` + cluster + ` } } } }`
}

// TestEveryBypassIsFound: a configuration with which requests bypass the gate has a
// finding, in every form.
func TestEveryBypassIsFound(t *testing.T) {
	const one, many = "X", "[ X ]"
	second := func(listener string) []string { return []string{listenersKey, listenersKey + "  - " + listener + "\n"} }
	typedStruct := func(kind, url, value string) string {
		return `{ "@type": type.googleapis.com/` + kind + `, type_url: ` + url + `, value: ` + value + ` }`
	}
	routes := between(t, "              routes:\n", "          http_filters:\n")
	matcher := func(action string) []string {
		return []string{routes, `              matcher: { matcher_list: { matchers: [ { predicate: { single_predicate: {
                input: { name: i, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, ` +
			`header_name: ":path" } },
                value_match: { prefix: / } } }, on_match: { action: { name: a, typed_config: ` + action + " } } } ] } }\n"}
	}
	const off = `typed_per_filter_config: { envoy.filters.http.ext_authz: { ` + perRoute + `, disabled: true } }`
	const routeURL = "type.googleapis.com/envoy.config.route.v3.Route"
	openRoute := `{ "@type": ` + routeURL + `, match: { prefix: / }, route: { cluster: app }, ` + off + ` }`
	composite := func(action string) []string {
		return []string{authzFilter, `          - name: composite
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher
              extension_config: { name: c, typed_config: { "@type": ` +
			`type.googleapis.com/envoy.extensions.filters.http.composite.v3.Composite } }
              xds_matcher: { on_no_match: { action: { name: a, typed_config: { "@type": ` +
			`type.googleapis.com/envoy.extensions.filters.http.composite.v3.ExecuteFilterAction, ` + action + " } } } }\n" + authzFilter}
	}
	failOpenFilter := `{ name: jwtgate, typed_config: { "@type": ` + authzType +
		`, failure_mode_allow: true, grpc_service: { envoy_grpc: { cluster_name: jwtgate } } } }`
	for _, row := range []lintRow{
		{name: "a list of one filter chain", edits: second(open(one, many, many, many)), want: []string{"ext-authz-missing"}},
		{name: "a list of one network filter", edits: second(open(many, one, many, many)), want: []string{"ext-authz-missing"}},
		{name: "a list of one virtual host", edits: second(open(many, many, one, many)), want: []string{"ext-authz-missing"}},
		{name: "a list of one route", edits: second(open(many, many, many, one)), want: []string{"ext-authz-missing"}},
		{name: "lists of one everywhere", edits: second(open(one, one, one, one)), want: []string{"ext-authz-missing"}},
		{name: "an outbound listener",
			edits: second(
				strings.Replace(open(many, many, many, many), "name: open", "name: open, traffic_direction: outbound", 1)),
			want: []string{"ext-authz-missing"}},
		{name: "a connection manager as a TypedStruct", edits: second(`{ name: s, filter_chains: [ { filters: [ { name: hcm, typed_config: ` +
			typedStruct("xds.type.v3.TypedStruct", hcmType,
				"{ normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: REJECT_REQUEST, useRemoteAddress: true, "+
					"requestHeadersTimeout: 1s, commonHttpProtocolOptions: { headersWithUnderscoresAction: DROP_HEADER }, "+
					"routeConfig: { virtualHosts: { name: a, routes: { route: { cluster: app } } } }, httpFilters: "+routerOnly+" }") + " } ] } ] }"),
			want: []string{"ext-authz-missing"}},
		{name: "an upgrade's own filters",
			edits: []string{upgrades, "          upgrade_configs: { upgrade_type: websocket, filters: " + routerOnly + " }\n"},
			want:  []string{"ext-authz-missing"}},
		{name: "an upgrade's own filters ask the gate",
			edits: []string{upgrades,
				"          upgrade_configs: [ { upgrade_type: websocket, filters: [ " + failOpenFilter + ", " + routerOnly + " ] } ]\n"},
			want: []string{"failure-mode-allow", "grpc-timeout", "mutation-rules-missing", "no-retry", "raw-headers",
				"request-trailers", "status-on-error", "validate-mutations"}},
		{name: "a route of a matcher", edits: matcher(openRoute), want: []string{"ext-authz-disabled"}},
		{name: "a list of routes of a matcher",
			edits: matcher(`{ "@type": type.googleapis.com/envoy.config.route.v3.RouteList, routes: { match: { prefix: / }, ` +
				`route: { cluster: app }, ` + off + ` } }`), want: []string{"ext-authz-disabled"}},
		{name: "a matcher with an unknown action", edits: matcher(`{ "@type": type.googleapis.com/new.v9.Action }`),
			want: []string{"not-read"}},
		{name: "scoped routes in the file",
			edits: []string{between(t, routeConfig, "          http_filters:\n"),
				`          scoped_routes: { name: s, scope_key_builder: { fragments: [ { header_value_extractor: { name: x } } ] },
            scoped_route_configurations_list: { scoped_route_configurations: { name: a, route_configuration: { name: r, ` +
					`virtual_hosts: { name: a, domains: [ "*" ], routes: { match: { prefix: / }, route: { cluster: app }, ` + off + ` } } } } } }
`}, want: []string{"ext-authz-disabled"}},
		{name: "scoped routes that are fetched",
			edits: []string{between(t, routeConfig, "          http_filters:\n"),
				"          scoped_routes: { name: s, scope_key_builder: {}, scoped_rds: {} }\n"}, want: []string{"routes-elsewhere"}},
		{name: "virtual hosts that are fetched",
			edits: []string{routeConfig, routeConfig + "            vhds: { config_source: { ads: {} } }\n"}, want: []string{"routes-elsewhere"}},
		{name: "no routes", edits: []string{between(t, routeConfig, "          http_filters:\n"), ""}, want: []string{"routes-elsewhere"}},
		{name: "a part of a weighted cluster",
			edits: []string{toApp, "route: { weighted_clusters: { clusters: { name: app, weight: 1, " + off + " } } }"},
			want:  []string{"ext-authz-disabled"}},
		{name: "off for the route configuration", edits: []string{routeConfig, routeConfig + "            " + off + "\n"},
			want: []string{"ext-authz-disabled"}},
		{name: "off for the host, in the chain for the route",
			edits: []string{"              typed_per_filter_config:\n",
				"              typed_per_filter_config:\n                envoy.filters.http.ext_authz: { " + perRoute + ", disabled: true }\n",
				"route: { cluster: app, timeout: 0s }", `route: { cluster: app, timeout: 0s }
                typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ` +
					`type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: false } }`}, want: []string{"ext-authz-disabled"}},
		{name: "a text for true", edits: []string{"failure_mode_allow: false", `failure_mode_allow: "1"`}, want: []string{"failure-mode-allow"}},
		{name: "an enumeration in lower case", edits: []string{"REJECT_REQUEST", "keep_unchanged"}, want: []string{"escaped-slashes"}},
		{name: "a hexadecimal number", edits: []string{"max_request_headers_kb: 60", "max_request_headers_kb: 0x80"},
			want: []string{"check-request-too-large"}},
		{name: "a key by an alias",
			edits: []string{"merge_slashes: true", "merge_slashes: true\n          server_name: &off disabled", toApp, toApp + `
                typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ` +
				`type.googleapis.com/envoy.config.route.v3.FilterConfig, *off : true } }`}, want: []string{"ext-authz-disabled"}},
		{name: "a key that Envoy ignores",
			edits: []string{"              validate_mutations: true", "              !ignore validate_mutations: true"},
			want:  []string{"validate-mutations"}},
		{name: "an unknown filter in a composite before the gate",
			edits: composite(`typed_config: { name: x, typed_config: { "@type": type.googleapis.com/new.v9.Filter } }`), want: []string{"not-read"}},
		{name: "a gate in a composite that fails open", edits: composite("typed_config: " + failOpenFilter),
			want: []string{"ext-authz-conditional", "failure-mode-allow", "grpc-timeout", "mutation-rules-missing", "no-retry",
				"raw-headers", "status-on-error", "validate-mutations"}},
		{name: "a chain of filters in a composite", edits: composite("filter_chain: { typed_config: " + failOpenFilter + " }"),
			want: []string{"ext-authz-conditional", "failure-mode-allow", "grpc-timeout", "mutation-rules-missing", "no-retry",
				"raw-headers", "status-on-error", "validate-mutations"}},
		{name: "a fetched filter",
			edits: []string{authzFilter,
				"          - { name: extra, config_discovery: { config_source: { ads: {} }, type_urls: [ a ] } }\n" + authzFilter},
			want: []string{"not-read"}},
		{name: "a filter without a type",
			edits: []string{authzFilter, "          - { name: envoy.filters.http.fault }\n" + authzFilter}, want: []string{"not-read"}},
		{name: "a percentage that the runtime sets",
			edits: []string{option,
				option + "              filter_enabled: { default_value: { numerator: 100 }, runtime_key: x.gate }\n",
				"re2.max_program_size.error_level: 1000", "re2.max_program_size.error_level: 1000, x: { gate: 0 }"},
			want: []string{"ext-authz-conditional"}},
		{name: "a percentage that the runtime sets, in one key",
			edits: []string{option,
				option + "              filter_enabled: { default_value: { numerator: 100 }, runtime_key: x.gate }\n",
				"re2.max_program_size.error_level: 1000", "re2.max_program_size.error_level: 1000, x.gate: { numerator: 0 }"},
			want: []string{"ext-authz-conditional"}},
		{name: "a percentage that the runtime may set, and does not",
			edits: []string{option, option + "              filter_enabled: { default_value: { numerator: 100 }, runtime_key: x.gate }\n"}},
		{name: "the rest denied, unless the runtime changes that",
			edits: []string{option,
				option +
					"              filter_enabled: { default_value: { numerator: 0 }, runtime_key: y }\n" +
					"              deny_at_disable: { default_value: true, runtime_key: x.deny }\n",
				"re2.max_program_size.error_level: 1000", "re2.max_program_size.error_level: 1000, x.deny: false"},
			want: []string{"ext-authz-conditional"}},
		{name: "a percentage that a runtime on disk may set",
			edits: []string{option,
				option + "              filter_enabled: { default_value: { numerator: 100 }, runtime_key: x.gate }\n",
				"  - { name: static, static_layer",
				"  - { name: disk, disk_layer: { symlink_root: /tmp } }\n  - { name: static, static_layer"}, want: []string{"ext-authz-conditional"}},
		{name: "the rest denied, unless a fetched runtime changes that",
			edits: []string{option,
				option +
					"              filter_enabled: { default_value: { numerator: 0 }, runtime_key: y }\n" +
					"              deny_at_disable: { default_value: true, runtime_key: x.deny }\n",
				"  - { name: static, static_layer", "  - { name: r, rtds_layer: { name: a } }\n  - { name: static, static_layer"},
			want: []string{"ext-authz-conditional"}},
		{name: "listeners by a locator",
			edits: []string{"static_resources:\n",
				"dynamic_resources: { lds_resources_locator: \"file:///a\" }\nstatic_resources:\n"}, want: []string{"not-read"}},
		{name: "what looks like a dump in a bootstrap",
			edits: append(second(open(many, many, many, many)), "admin:\n",
				"node: { metadata: { configs: [ { \"@type\": "+admin+"ListenersConfigDump } ] } }\nadmin:\n"), want: []string{"ext-authz-missing"}},
		{name: "an application at the admin interface's port",
			edits: append(second(open(many, many, many, many)), "socket_address: { address: 127.0.0.1, port_value: 9901 }",
				"socket_address: { address: 127.0.0.2, port_value: 9090 }"), want: []string{"ext-authz-missing"}},
		{name: "the admin interface by a route",
			edits: append(second(strings.Replace(open(many, many, many, many), "cluster: app", "cluster: own", 1)), "  clusters:\n",
				"  clusters:\n  - { name: own, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: "+
					"{ socket_address: { address: localhost, port_value: 9901 } } } } } } }\n"), want: []string{"admin-open"}},
		{name: "metrics by a route",
			edits: append(second(strings.Replace(strings.Replace(open(many, many, many, many), "cluster: app", "cluster: own", 1),
				"prefix: / }", "prefix: /stats/prometheus }", 1)), "  clusters:\n",
				"  clusters:\n  - { name: own, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: "+
					"{ socket_address: { address: localhost, port_value: 9901 } } } } } } }\n")},
		{name: "a runtime guard",
			edits: []string{"re2.max_program_size.error_level: 1000",
				"re2.max_program_size.error_level: 1000, envoy: { reloadable_features.x: false }"}, want: []string{"not-read"}},
		{name: "a runtime guard of the OAuth2 filter's cookies", edits: []string{"re2.max_program_size.error_level: 1000",
			"re2.max_program_size.error_level: 1000, envoy.reloadable_features.oauth2_use_gcm_encryption: true"}},
		{name: "a runtime guard in one key",
			edits: []string{"re2.max_program_size.error_level: 1000",
				"re2.max_program_size.error_level: 1000, envoy.reloadable_features.x: false"}, want: []string{"not-read"}},
		{name: "the gate as an optional filter", edits: []string{authzFilter, authzFilter + "            is_optional: true\n"},
			want: []string{"ext-authz-conditional"}},
		{name: "a path from a header", edits: []string{toApp, "route: { cluster: app, path_rewrite: \"%REQ(x-path?:path)%\" }"},
			want: []string{"rewritten-by-client"}},
		{name: "a path from the path", edits: []string{toApp, "route: { cluster: app, prefix_rewrite: /a }"}},
		{name: "a host from a header", edits: []string{toApp, "route: { cluster: app, host_rewrite_header: x-host }"},
			want: []string{"rewritten-by-client"}},
		{name: "another server before the gate, which is the application",
			edits: []string{authzFilter,
				"          - name: other\n            typed_config: { \"@type\": " + authzType +
					", http_service: { server_uri: { uri: http://a, cluster: app, timeout: 1s } } }\n" + authzFilter},
			want: []string{"filter-calls-application"}},
		{name: "another server before the gate",
			edits: []string{authzFilter,
				"          - name: other\n            typed_config: { \"@type\": " + authzType +
					", http_service: { server_uri: { uri: http://a, cluster: opa, timeout: 1s } } }\n" + authzFilter}},
		{name: "another server after the gate may set identity headers",
			edits: []string{router,
				"          - name: other\n            typed_config: { \"@type\": " + authzType +
					", http_service: { server_uri: { cluster: opa }, authorization_response: { allowed_upstream_headers: " +
					"{ patterns: { prefix: x-user } } } } }\n" + router}, want: []string{"identity-rewritten"}},
		{name: "another server after the gate may set others",
			edits: []string{router,
				"          - name: other\n            typed_config: { \"@type\": " + authzType +
					", http_service: { server_uri: { cluster: opa }, authorization_response: { allowed_upstream_headers: " +
					"{ patterns: { prefix: x-opa } } } } }\n" + router}},
		{name: "claims set identity headers",
			edits: []string{router,
				"          - name: jwt\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication, " +
					"providers: { a: { claim_to_headers: { header_name: X-User-ID, claim_name: sub } } } }\n" + router},
			want: []string{"identity-rewritten"}},
		{name: "a user's name sets an identity header",
			edits: []string{router,
				"          - name: basic\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.basic_auth.v3.BasicAuth, " +
					"forward_username_header: x-user-id }\n" + router}, want: []string{"identity-rewritten"}},
		{name: "a rate limit sets an identity header",
			edits: []string{router,
				"          - name: limit\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: a, " +
					"request_headers_to_add_when_not_enforced: { header: { key: x-user-id, value: root } } }\n" + router},
			want: []string{"identity-rewritten"}},
		{name: "a rate limit after the gate reads an identity header",
			edits: []string{router,
				"          - name: limit\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit }\n" + router,
				vhost,
				vhost + "              rate_limits: [ { actions: [ { request_headers: { header_name: x-user-id, descriptor_key: user } } ] } ]\n"}},
		{name: "a header mutation as a route's TypedStruct",
			edits: []string{router,
				"          - name: m\n            typed_config: { \"@type\": type.googleapis.com/xds.type.v3.TypedStruct, " +
					"type_url: type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute, " +
					"value: { mutations: { request_mutations: { append: { header: { key: x-user-id, value: a } } } } } }\n" +
					router}, want: []string{"identity-rewritten"}},
		{name: "a TypedStruct of two types",
			edits: []string{"              \"@type\": " + authzType + "\n" + option,
				"              \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n              type_url: a/none\n" +
					"              typeUrl: " + authzType + "\n              value: {}\n" + option},
			want: []string{"not-read", "grpc-timeout", "mutation-rules-missing", "no-retry", "raw-headers", "status-on-error",
				"validate-mutations"}},
		{name: "trailers to a cluster that a header names",
			edits: []string{"route: { cluster: app_grpc, timeout: 0s }", "redirect: {}", toApp,
				"route: { cluster_header: x-cluster }",
				between(t, "          - name: envoy.filters.http.header_mutation\n", "          # Before ext_authz, since"), ""},
			want: []string{"request-trailers", "rewritten-by-client"}},
		{name: "trailers to a part of a cluster",
			edits: []string{"route: { cluster: app_grpc, timeout: 0s }", "route: { cluster: all, timeout: 0s }",
				between(t, "          - name: envoy.filters.http.header_mutation\n", "          # Before ext_authz, since"), "",
				"  clusters:\n",
				"  clusters:\n  - { name: all, cluster_type: { name: a, typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ app_grpc ] } } }\n"},
			want: []string{"request-trailers"}},
		{name: "an identity header added to trailers",
			edits: []string{"                request_trailers_mutations:\n",
				"                request_trailers_mutations:\n" +
					"                - append: { header: { key: x-user-id, value: a } }\n"}, want: []string{"identity-rewritten"}},
		{name: "an aggregate that only looks like the admin interface",
			edits: append(second(strings.Replace(open(many, many, many, many), "cluster: app", "cluster: all", 1)), "  clusters:\n",
				"  clusters:\n  - { name: all, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: "+
					"{ socket_address: { address: 127.0.0.1, port_value: 9901 } } } } } }, cluster_type: { name: a, "+
					"typed_config: { \"@type\": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, "+
					"clusters: [ app ] } } }\n"), want: []string{"ext-authz-missing"}},
		{name: "bodies that are sent as they are",
			edits: []string{"    connect_timeout: 0.5s\n    per_connection_buffer_limit_bytes: 32768\n    load_assignment:\n" +
				"      cluster_name: app\n",
				"    connect_timeout: 0.5s\n    upstream_config: { name: tcp, typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.upstreams.http.tcp.v3.TcpConnectionPoolProto } }\n    load_assignment:\n" +
					"      cluster_name: app\n"}, want: []string{"tcp-bypass"}},
		{name: "a TCP proxy to any address",
			edits: append(second(tcpTo("other")), "  clusters:\n",
				"  clusters:\n  - { name: other, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: "+
					"{ socket_address: { address: 0.0.0.0, port_value: 9090 } } } } } } }\n"), want: []string{"tcp-bypass"}},
		{name: "a TCP proxy to a further address",
			edits: append(second(tcpTo("other")), "  clusters:\n",
				"  clusters:\n  - { name: other, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: "+
					"{ socket_address: { address: 10.0.0.1, port_value: 1 } }, additional_addresses: { address: { socket_address: "+
					"{ address: \"::ffff:127.0.0.1\", port_value: 9090 } } } } } } } }\n"), want: []string{"tcp-bypass"}},
		{name: "a TCP proxy to addresses that are fetched",
			edits: append(second(tcpTo("other")), "  clusters:\n", "  clusters:\n  - { name: other, type: EDS }\n"), want: []string{"not-read"}},
		{name: "a certificate header that a matcher forwards",
			edits: []string{"merge_slashes: true",
				"merge_slashes: true\n          forward_client_cert_matcher: { on_no_match: { action: { name: a, " +
					"typed_config: { \"@type\": " +
					hcmType + ".ForwardClientCertConfig, forward_client_cert_details: ALWAYS_FORWARD_ONLY } } } }"},
			want: []string{"client-cert-header"}},
		{name: "a gate by its name, and the gate by its port switched off",
			edits: []string{authzFilter,
				"          - name: other\n            typed_config: { \"@type\": " + authzType +
					", stat_prefix: before_jwtgate, grpc_service: { envoy_grpc: { cluster_name: opa } } }\n" + authzFilter,
				"              typed_per_filter_config:\n",
				"              typed_per_filter_config:\n                envoy.filters.http.ext_authz: { " + perRoute +
					", disabled: true }\n"}, want: []string{"ext-authz-disabled"}},
		{name: "filter chains that are fetched",
			edits: []string{"  - name: edge\n", "  - name: edge\n    fcds_config: { name: a }\n"}, want: []string{"not-read"}},
		{name: "fetched filters after the router",
			edits: []string{"{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }",
				"{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, " +
					"upstream_http_filters: [ { name: m, config_discovery: { config_source: { ads: {} } } } ] }"}, want: []string{"not-read"}},
		{name: "a filter after the gate that clears the route cache",
			edits: []string{router,
				"          - name: m\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata }\n          - name: h\n" +
					"            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config }\n          - name: l\n" +
					"            typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, " +
					"clear_route_cache: true }\n" + router}, want: []string{"clear-route-cache"}},
		{name: "an address that a client names",
			edits: []string{toApp, "route: { cluster: any }", "  clusters:\n",
				"  clusters:\n  - { name: any, type: ORIGINAL_DST, original_dst_lb_config: { use_http_header: true }, " +
					"common_http_protocol_options: { idle_timeout: 1s } }\n"},
			want: []string{"rewritten-by-client"}},
		{name: "a CONNECT tunnel",
			edits: []string{upgrades, "          upgrade_configs: [ { upgrade_type: CONNECT } ]\n", firstRoute,
				firstRoute +
					"              - { match: { connect_matcher: {} }, route: { cluster: app, " +
					"upgrade_configs: { upgrade_type: CONNECT, connect_config: {} } } }\n"}, want: []string{"tcp-bypass"}},
		{name: "a TCP proxy",
			edits: second(`{ name: tcp, filter_chains: { filters: { name: tcp, typed_config: { "@type": ` +
				`type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: app } } } }`),
			want: []string{"tcp-bypass"}},
		{name: "a TCP proxy with weights",
			edits: second(`{ name: tcp, filter_chains: { filters: { name: tcp, typed_config: { "@type": ` +
				`type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, ` +
				`weighted_clusters: { clusters: [ { name: app, weight: 1 } ] } } } } }`), want: []string{"tcp-bypass"}},
		{name: "a TCP proxy to the application by another name",
			edits: append(second(`{ name: tcp, filter_chains: { filters: { name: tcp, `+
				`typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, `+
				`stat_prefix: t, cluster: other } } } }`),
				"  clusters:\n",
				"  clusters:\n  - { name: other, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: "+
					"{ socket_address: { address: Localhost, port_value: 9090 } } } } } } }\n"), want: []string{"tcp-bypass"}},
		{name: "a TCP proxy to another application",
			edits: append(second(`{ name: tcp, filter_chains: { filters: { name: tcp, `+
				`typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, `+
				`stat_prefix: t, cluster: other } } } }`),
				"  clusters:\n",
				"  clusters:\n  - { name: other, load_assignment: { endpoints: { lb_endpoints: { endpoint: { address: "+
					"{ socket_address: { address: localhost, port_value: 9091 } } } } } } }\n"), want: []string{"tcp-unchecked?"}},
		{name: "a TCP proxy, and no routes",
			edits: append(second(tcpTo("app")), between(t, "            virtual_hosts:\n", "          http_filters:\n"),
				"            virtual_hosts: []\n"), want: []string{"tcp-bypass"}},
		{name: "a fetched network filter",
			edits: second(`{ name: n, filter_chains: { filters: { name: n, config_discovery: { config_source: { ads: {} }, ` +
				`type_urls: [ a ] } } } }`), want: []string{"not-read"}},
		{name: "a fetched network filter with a default",
			edits: second(`{ name: n, filter_chains: { filters: { name: n, config_discovery: { config_source: { ads: {} }, ` +
				`type_urls: [ a ], default_config: { "@type": ` + hcmType + `, normalize_path: true, merge_slashes: true,
      path_with_escaped_slashes_action: REJECT_REQUEST, use_remote_address: true, request_headers_timeout: 10s, ` +
				`common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER },
      route_config: { virtual_hosts: { name: a, routes: { route: { cluster: app } } } }, http_filters: ` + routerOnly +
				` } } } } }`), want: []string{"ext-authz-missing", "not-read"}},
		{name: "a TCP proxy to a cluster of others",
			edits: append(second(tcpTo("other")), "  clusters:\n",
				"  clusters:\n  - { name: other, cluster_type: { name: a, typed_config: { \"@type\": "+
					"type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ app ] } } }\n"), want: []string{"tcp-bypass"}},
		{name: "a TCP proxy to the original destination",
			edits: append(second(tcpTo("other")), "  clusters:\n", "  clusters:\n  - { name: other, type: ORIGINAL_DST }\n"),
			want:  []string{"tcp-bypass"}},
		{name: "a TCP proxy to a cluster that a filter names",
			edits: second(`{ name: tcp, filter_chains: { filters: [ { name: s, typed_config: { "@type": ` +
				`type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config, ` +
				`on_new_connection: [ { object_key: envoy.tcp_proxy.cluster, format_string: { text_format_source: { inline_string: app } } } ] } },
      { name: tcp, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, ` +
				`stat_prefix: t, cluster: gone } } ] } }`), want: []string{"not-read", "tcp-bypass"}},
		{name: "a TCP proxy to a cluster that the client names",
			edits: second(`{ name: tcp, filter_chains: { filters: [ { name: s, typed_config: { "@type": ` +
				`type.googleapis.com/envoy.extensions.filters.network.sni_cluster.v3.SniCluster } },
      { name: tcp, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, ` +
				`stat_prefix: t, cluster: gone } } ] } }`), want: []string{"not-read", "tcp-bypass"}},
		{name: "a generic proxy",
			edits: second(`{ name: g, filter_chains: { filters: { name: g, typed_config: { "@type": ` +
				`type.googleapis.com/envoy.extensions.filters.network.generic_proxy.v3.GenericProxy, stat_prefix: g, ` +
				`route_config: { name: r, routes: { matcher_list: { matchers: [ { on_match: { action: { name: a, ` +
				`typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.generic_proxy.action.v3.RouteAction, ` +
				`cluster: app } } } } ] } } } } } } }`), want: []string{"tcp-bypass"}},
		{name: "a last filter other than the router",
			edits: []string{between(t, "          - name: envoy.filters.http.ext_authz\n", "  clusters:\n"), `          - name: mcp
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.mcp_router.v3.McpRouter }
`, toApp, "direct_response: { status: 200 }", "route: { cluster: app_grpc, timeout: 0s }", "direct_response: { status: 200 }"},
			want: []string{"ext-authz-missing"}},
		{name: "an optional filter that Envoy skips",
			edits: []string{authzFilter, "          - name: envoy.filters.http.ext_authz\n            is_optional: true\n",
				"              \"@type\": " + authzType + "\n",
				"              \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v4.ExtAuthz\n"},
			want: []string{"ext-authz-missing", "not-read"}},
		{name: "a UDP proxy",
			edits: second(`{ name: udp, listener_filters: { name: udp, typed_config: { "@type": ` +
				`type.googleapis.com/envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig, stat_prefix: t, cluster: app } } }`),
			want: []string{"tcp-bypass"}},
		{name: "an unknown network filter",
			edits: second(`{ name: new, filter_chains: { filters: { name: new, typed_config: { "@type": ` +
				`type.googleapis.com/new.v9.Network } } } }`), want: []string{"not-read"}},
		{name: "an unknown access log",
			edits: []string{"          access_log:\n",
				"          access_log:\n          - { name: x, typed_config: { \"@type\": type.googleapis.com/new.v9.Log, " +
					"a: 1 } }\n"}, want: []string{"unknown?"}},
		{name: "an unknown field on the path of requests", edits: []string{upgrades, "          skip_filters: true\n"},
			want: []string{"not-read"}},
		{name: "an unknown field of a cluster",
			edits: []string{"    connect_timeout: 0.25s\n", "    connect_timeout: 0.25s\n    new_field: 1\n"}, want: []string{"unknown?"}},
		{name: "an unknown value", edits: []string{"REJECT_REQUEST", "IGNORE"}, want: []string{"not-read"}},
		{name: "a type next to an empty configuration",
			edits: []string{authzFilter,
				"          - { name: x, typed_config: null, \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault }\n" + authzFilter}, want: []string{"not-read"}},
		{name: "one field with two names",
			edits: []string{"merge_slashes: true", "merge_slashes: true\n          mergeSlashes: false"},
			want:  []string{"not-read", "slashes-not-merged"}},
		{name: "a mapping instead of a text", edits: []string{"validate_mutations: true", "validate_mutations: { value: true }"},
			want: []string{"not-read", "validate-mutations"}},
		{name: "further listeners are fetched",
			edits: []string{"static_resources:\n",
				"dynamic_resources: { lds_config: { path_config_source: { path: lds.yaml } } }\nstatic_resources:\n"}, want: []string{"not-read"}},
		{name: "a missing cluster of the gate",
			edits: []string{"envoy_grpc: { cluster_name: jwtgate }", "envoy_grpc: { cluster_name: jwtgate_typo }"},
			want:  []string{"gate-cluster-elsewhere"}},
		{name: "a missing cluster of an application", edits: []string{toApp, "route: { cluster: other }"},
			want: []string{"cluster-missing"}},
		{name: "a missing cluster of an application, and trailers stay",
			edits: []string{toApp, "route: { cluster: other }", "route: { cluster: app_grpc, timeout: 0s }", "redirect: {}",
				between(t, "          - name: envoy.filters.http.header_mutation\n", "          # Before ext_authz, since"), ""},
			want: []string{"cluster-missing", "request-trailers"}},
		{name: "a single header to remove", edits: []string{vhost, vhost + "              request_headers_to_remove: x-user-id\n"},
			want: []string{"identity-rewritten"}},
		{name: "a single header to add",
			edits: []string{vhost, vhost + "              requestHeadersToAdd: { header: { key: x-user-id, value: root } }\n"},
			want:  []string{"identity-rewritten"}},
		{name: "a filter of the router's changes identity headers",
			edits: []string{"{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }",
				`{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, upstream_http_filters: [ { name: m, ` +
					`typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation, ` +
					`mutations: { request_mutations: { remove: x-user-id } } } } ] }`}, want: []string{"identity-rewritten"}},
		{name: "a route changes identity headers by a filter",
			edits: []string{router,
				"          - name: m\n            typed_config: { \"@type\": " +
					"type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation }\n" + router,
				toApp, toApp + `
                typed_per_filter_config: { m: { "@type": ` +
					`type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute, ` +
					`mutations: { request_mutations: { append: { header: { key: x-user-id, value: root } } } } } }`},
			want: []string{"identity-rewritten"}},
	} {
		t.Run(row.name, func(t *testing.T) { row.lints(t) })
	}
}
