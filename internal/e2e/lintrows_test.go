//go:build !race

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

const (
	authzFilter  = "          - name: envoy.filters.http.ext_authz\n"
	authzOption  = "              transport_api_version: V3\n"
	vhostOptions = "              domains: [ \"*\" ]\n"
	clustersEnd  = "  # Your application, once for each protocol that Envoy uses to it.\n"
	perRouteType = `"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`
)

// between returns the part of the shipped file from one text to before another.
func between(t *testing.T, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(shippedWithOrigin(t), from)
	part, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("the shipped file has no part from %q to %q", from, to)
	}
	return from + part
}

// openRoute returns an Envoy route with a per-route setting of ext_authz.
func openRoute(setting string) string {
	return `              - match: { prefix: "/open" }
                route: { cluster: app, timeout: 0s }
                typed_per_filter_config: { envoy.filters.http.ext_authz: { ` + setting + ` } }
`
}

const upgradeConfigs = "          upgrade_configs: [ { upgrade_type: websocket } ]\n"

// forgedInTunnel reports whether an identity header that a client writes into a
// CONNECT tunnel reaches the application.
func forgedInTunnel(t *testing.T, w *lintFixture, p *envoyProxy) bool {
	t.Helper()
	w.application.take()
	connection, reader, response := open(t, p.address, call{line: "CONNECT app.example:80", headers: []string{"host: app.example:80"}})
	defer connection.Close()
	if response.StatusCode != http.StatusOK {
		return false
	}
	if _, err := io.WriteString(connection, "GET / HTTP/1.1\r\nhost: a\r\nx-user-id: root\r\nconnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(reader)
	return slices.ContainsFunc(w.application.take(), func(got received) bool { return got.Header.Get("x-user-id") == "root" })
}

// lintBypassRows are about requests that bypass the gate.
func lintBypassRows(t *testing.T) []lintRow {
	vault := namedRoute("/vault", "{ jwtgate.route: closed }")
	failing := func(context.Context, int) (*authv3.CheckResponse, error) {
		return nil, grpcstatus.Error(codes.Internal, "fault")
	}
	return []lintRow{
		{id: "ext-authz-missing", edits: []string{between(t, authzFilter, routerFilter), ""}, open: unchecked("/")},
		{id: "ext-authz-disabled", name: "for a route",
			edits: []string{firstRoute, firstRoute + openRoute(perRouteType+", disabled: true")}, open: unchecked("/open")},
		{id: "ext-authz-disabled", name: "for a route, whatever the filter",
			edits: []string{firstRoute,
				firstRoute + openRoute(`"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true`)}, open: unchecked("/open")},
		{id: "ext-authz-disabled", name: "for the virtual host",
			edits: []string{"              typed_per_filter_config:\n",
				"              typed_per_filter_config:\n                envoy.filters.http.ext_authz: { " + perRouteType +
					", disabled: true }\n"}, open: unchecked("/")},
		{id: "ext-authz-disabled", name: "unless a route enables it",
			edits: []string{authzFilter, authzFilter + "            disabled: true\n"}, open: unchecked("/")},
		{id: "ext-authz-conditional", name: "for a share",
			edits: []string{authzOption,
				authzOption + "              filter_enabled: { default_value: { numerator: 0, denominator: TEN_THOUSAND } }\n"}, open: unchecked("/")},
		{id: "ext-authz-conditional", name: "by metadata",
			edits: []string{authzOption,
				authzOption +
					"              filter_enabled_metadata: { filter: a, path: [ { key: b } ], " +
					"value: { string_match: { exact: c } } }\n"}, open: unchecked("/")},
		{id: "shadow-mode", edits: []string{authzOption, authzOption + "              shadow_mode: true\n"}, open: unchecked("/")},
		{id: "failure-mode-allow", scripted: true, edits: []string{"failure_mode_allow: false", "failure_mode_allow: true"},
			open: doing(failing, unchecked("/"))},
		{id: "other-server",
			edits: []string{
				firstRoute,
				firstRoute + openRoute(perRouteType+", check_settings: { grpc_service: { envoy_grpc: { cluster_name: other }, timeout: 0.8s } }"),
				clustersEnd, otherCluster + clustersEnd,
			},
			finish: func(_ *testing.T, w *lintFixture, file string) string {
				return strings.Replace(file, "port_value: 65001", "port_value: "+port(w.other.address), 1)
			},
			open: unchecked("/open")},
		{id: "answered-before-ext-authz", edits: []string{authzFilter, cacheFilter + authzFilter},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				http1(t, p.address, call{line: "GET /cached", headers: []string{w.allowed}})
				return http1(t, p.address, call{line: "GET /cached"}).Status == http.StatusOK
			}},
		{id: "tcp-bypass", edits: []string{"  listeners:\n", "  listeners:\n" + tcpListener},
			fix: []string{"  listeners:\n", "  listeners:\n" + strings.Replace(tcpListener, "cluster: app", "cluster: jwtgate", 1)},
			finish: func(t *testing.T, w *lintFixture, file string) string {
				w.extra = freeAddress(t)
				return strings.Replace(file, "port_value: 65002", "port_value: "+port(w.extra), 1)
			},
			open: func(t *testing.T, w *lintFixture, _ *envoyProxy) bool {
				w.application.take()
				attempt(w.extra)
				return len(w.application.take()) > 0
			}},
		{id: "tcp-bypass", name: "by CONNECT", scripted: true,
			edits: []string{upgradeConfigs, "          upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: CONNECT } ]\n",
				firstRoute,
				firstRoute +
					"              - { match: { connect_matcher: {} }, route: { cluster: app, " +
					"upgrade_configs: [ { upgrade_type: CONNECT, connect_config: {} } ] } }\n"},
			fix: []string{upgradeConfigs, "          upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: CONNECT } ]\n",
				firstRoute, firstRoute + "              - { match: { connect_matcher: {} }, direct_response: { status: 405 } }\n"},
			open: forgedInTunnel},
		{id: "ext-authz-conditional", name: "by the runtime",
			edits: []string{authzOption,
				authzOption + "              filter_enabled: { default_value: { numerator: 100 }, runtime_key: gate.asked }\n",
				"re2.max_program_size.error_level: 1000", "re2.max_program_size.error_level: 1000, gate: { asked: 0 }"},
			fix: []string{authzOption,
				authzOption + "              filter_enabled: { default_value: { numerator: 100 }, runtime_key: gate.asked }\n"},
			open: unchecked("/")},
		// The gate checks /moved, and the application gets what the client wrote.
		{id: "rewritten-by-client", edits: []string{firstRoute, firstRoute + fmt.Sprintf(movedRoute, `path_rewrite: "%REQ(x-path?:path)%"`)},
			fix: []string{firstRoute, firstRoute + fmt.Sprintf(movedRoute, "prefix_rewrite: /new")},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				got := w.received(t, p, call{line: "GET /moved", headers: []string{w.allowed, "x-path: /secret"}})
				return got != nil && got.URI == "/secret"
			}},
		{id: "filter-calls-application", edits: []string{authzFilter, callingFilter + authzFilter}, open: unchecked("/")},
		{id: "route-unknown", redacted: true, edits: []string{firstRoute, firstRoute + namedRoute("/", "{ jwtgate.route: nowhere }")},
			fix: []string{firstRoute, firstRoute + namedRoute("/", "{ jwtgate.route: known }")},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return http1(t, p.address, call{line: "GET /known", headers: []string{w.allowed}}).Status == http.StatusServiceUnavailable
			}},
		// No user may read /vault. Any user can read /Vault, unless Envoy ignores case too.
		{id: "named-route-case", edits: []string{firstRoute, firstRoute + vault},
			fix: []string{firstRoute, firstRoute + strings.Replace(vault, `"/vault"`, `"/vault", case_sensitive: false`, 1)},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return w.reaches(t, p, call{line: "GET /Vault", headers: []string{w.allowed}}) &&
					!w.reaches(t, p, call{line: "GET /vault", headers: []string{w.allowed}})
			}},
	}
}

const (
	movedRoute = `              - { match: { path: /moved }, route: { cluster: app, timeout: 0s, %s } }
`
	callingFilter = `          - name: another
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              http_service: { server_uri: { uri: http://127.0.0.1, cluster: app, timeout: 1s } }
`
	otherCluster = `  - name: other
    type: STATIC
    load_assignment: { cluster_name: other, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: ` +
		`127.0.0.1, port_value: 65001 } } } } ] } ] }
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ` +
		`type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } }
`
	cacheFilter = `          - name: envoy.filters.http.cache
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.cache.v3.CacheConfig
              typed_config: { "@type": type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig }
`
	tcpListener = `  - name: raw
    address: { socket_address: { address: 127.0.0.1, port_value: 65002 } }
    filter_chains: [ { filters: [ { name: tcp, typed_config: { "@type": ` +
		`type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: raw, cluster: app } } ] } ]
`
)

// attempt makes a request that may get no answer.
func attempt(address string) {
	client := http.Client{Timeout: clientTimeout}
	if response, err := client.Get("http://" + address + "/"); err == nil {
		_ = response.Body.Close()
	}
	client.CloseIdleConnections()
}

// lintEdgeRows are about what Envoy does to a request before the filters.
func lintEdgeRows(t *testing.T) []lintRow {
	uri := func(sent string) observation {
		return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
			got := w.received(t, p, call{line: "GET " + sent})
			return got != nil && got.URI == sent
		}
	}
	const stdout = `          - name: stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
`
	// A log file, since the tests fail if the output contains a token.
	toFile := strings.Replace(stdout, "stream.v3.StdoutAccessLog\n", "file.v3.FileAccessLog\n              path: LOGFILE\n", 1)
	logged := func(text string, headers ...string) observation {
		return func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
			http1(t, p.address, call{line: "GET /a?access_token=in-the-query", headers: headers})
			hasText(t, w.logFile)
			return strings.Contains(read(t, w.logFile), text)
		}
	}
	toLog := func(_ *testing.T, w *lintFixture, file string) string {
		return strings.Replace(file, "LOGFILE", w.logFile, 1)
	}
	return []lintRow{
		{id: "path-not-normalized", scripted: true, edits: []string{"          normalize_path: true\n", ""}, open: uri("/public/../admin")},
		{id: "slashes-not-merged", scripted: true, edits: []string{"          merge_slashes: true # edit: double_slash\n", ""},
			open: uri("//admin")},
		{id: "escaped-slashes", scripted: true,
			edits: []string{"          path_with_escaped_slashes_action: REJECT_REQUEST # edit: encoded_slash\n", ""},
			open:  uri("/public%2f..%2fadmin")},
		{id: "underscore-headers", scripted: true, edits: []string{"DROP_HEADER", "ALLOW"}, open: arrives("X_other", "x_other: a")},
		{id: "use-remote-address", scripted: true, edits: []string{"use_remote_address: true", "use_remote_address: false"},
			open: arrives("X-Envoy-Original-Path", "x-envoy-original-path: /admin")},
		{id: "client-cert-header", scripted: true, edits: []string{"SANITIZE", "ALWAYS_FORWARD_ONLY"},
			open: arrives("X-Forwarded-Client-Cert", "x-forwarded-client-cert: By=me")},
		{id: "check-request-too-large", edits: []string{"max_request_headers_kb: 60", "max_request_headers_kb: 200"},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				long := "cookie: a=" + strings.Repeat("a", 60<<10) // which Envoy sends to the gate
				return http1(t, p.address, call{line: "GET /", headers: []string{long, long, long}}).Status >= http.StatusInternalServerError
			}},
		{id: "request-headers-too-small", scripted: true, config: "identity: {max_total_bytes: 61440, strip: [x-user-roles]}\n",
			fix: []string{"max_request_headers_kb: 60", "max_request_headers_kb: 84"},
			open: saying(allowing(&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{field("x-user-groups", strings.Repeat("a", 40<<10))}}),
				func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
					long := "x-other: " + strings.Repeat("a", 30<<10)
					return http1(t, p.address, call{line: "GET /", headers: []string{long}}).Status == http.StatusInternalServerError
				})},
		{id: "request-headers-timeout", scripted: true, edits: []string{"          request_headers_timeout: 10s\n", ""},
			fix:  []string{"request_headers_timeout: 10s", "request_headers_timeout: 0.2s"},
			open: func(t *testing.T, _ *lintFixture, p *envoyProxy) bool { return hangs(t, p) }},
		{id: "admin-open",
			edits: []string{"# An edge Envoy", "# ALL: an edge Envoy"},
			finish: func(_ *testing.T, _ *lintFixture, file string) string {
				if before, after, found := strings.Cut(file, "admin:\n  address: { socket_address: { address: 127.0.0.1,"); found &&
					strings.Contains(file, "# ALL: ") {
					return before + "admin:\n  address: { socket_address: { address: 0.0.0.0," + after
				}
				return file
			},
			open: func(t *testing.T, _ *lintFixture, p *envoyProxy) bool {
				elsewhere := *p
				elsewhere.admin = "127.0.0.2:" + port(p.admin)
				return elsewhere.ask(t, "GET", "/ready", "LIVE") == nil
			}},
		{id: "token-logged", name: "a header", also: []string{stdout, toFile}, finish: toLog,
			edits: []string{`protocol: "%PROTOCOL%"`, `protocol: "%PROTOCOL% %REQ(AUTHORIZATION)%"`},
			open:  logged("Bearer secret", "authorization: Bearer secret")},
		{id: "token-logged", name: "the query", also: []string{stdout, toFile}, finish: toLog,
			config: "routes: [{match: /a, tokens_from: [{query: access_token}]}]\n",
			edits:  []string{`protocol: "%PROTOCOL%"`, `protocol: "%PROTOCOL% %REQ(:PATH)%"`}, open: logged("in-the-query")},
		{id: "host-spelling",
			also: []string{"            virtual_hosts:\n",
				"            virtual_hosts:\n            - name: shop\n              domains: [ shop.example ]\n" +
					"              routes: [ { match: { prefix: \"/\" }, direct_response: { status: 418 } } ]\n"},
			edits: []string{"            ignore_port_in_host_matching: true\n", ""},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return http1(t, p.address, call{line: "GET /", headers: []string{"host: shop.example:8443", w.allowed}}).Status != 418
			}},
	}
}

// lintHeaderRows are about identity headers.
func lintHeaderRows(t *testing.T) []lintRow {
	// The application that records trailers.
	toTrailers := func(_ *testing.T, w *lintFixture, file string) string {
		return strings.ReplaceAll(file, "port_value: "+port(w.application.address), "port_value: "+port(w.trailers.address))
	}
	trailer := func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		return slices.Contains(w.trailers.trailers(t, p, "application/grpc", "x-user-id", "x-checksum"), "x-user-id")
	}
	const identity = "x[^a-z0-9]user[^a-z0-9](id|name|email|groups|scopes|client|kind|issuer|roles)"
	const strips = "\n" + `              - remove_on_match: { key_matcher: { safe_regex: { regex: "` + identity + "\" } } } # edit: identity\n"
	const sent = `                - safe_regex: { regex: "^` + identity + "\" } # edit: identity\n"
	return []lintRow{
		{id: "early-strip-missing", scripted: true, edits: []string{strips, "\n"}, open: arrives("X-User-Id", "x-user-id: forged")},
		{id: "request-trailers", name: "over HTTP/2", scripted: true, edits: []string{trailersFilter(t), ""}, finish: toTrailers, open: trailer},
		{id: "request-trailers", name: "over HTTP/1.1", scripted: true, edits: []string{trailersFilter(t), ""}, finish: toTrailers, open: trailer,
			also: []string{"explicit_http_config: { http2_protocol_options: {} }",
				"explicit_http_config: { http_protocol_options: { enable_trailers: true } }"}},
		{id: "early-strip-spellings", scripted: true, edits: []string{strips, strings.ReplaceAll(strips, "[^a-z0-9]", "-")},
			open: arrives("X.user.id", "x.user.id: forged")},
		{id: "early-strip-too-wide", scripted: true,
			edits: []string{strips, strings.Replace(strips, identity, "x[^a-z0-9](user|jwtgate|auth|jwt)[^a-z0-9].*", 1)},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return !arrives("X-Auth-Token", "x-auth-token: a")(t, w, p)
			}},
		{id: "failure-mode-header", scripted: true,
			edits: []string{authzOption, authzOption + "              failure_mode_allow_header_add: true\n",
				"              - remove: x-envoy-auth-failure-mode-allowed\n", ""},
			open: arrives("X-Envoy-Auth-Failure-Mode-Allowed", "x-envoy-auth-failure-mode-allowed: true")},
		{id: "identity-before-ext-authz", edits: []string{authzFilter, rbacFilter + authzFilter},
			fix: []string{routerFilter, rbacFilter + routerFilter}, open: refused},
		{id: "identity-rewritten", name: "removed",
			edits: []string{vhostOptions, vhostOptions + "              request_headers_to_remove: [ x-user-id ]\n"},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				return !arrives("X-User-Id", w.allowed)(t, w, p)
			}},
		{id: "identity-rewritten", name: "set",
			edits: []string{vhostOptions,
				vhostOptions +
					"              request_headers_to_add: [ { header: { key: X-User-Id, value: \"%REQ(x-chosen)%\" }, " +
					"append_action: OVERWRITE_IF_EXISTS_OR_ADD } ]\n"},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				got := w.received(t, p, call{line: "GET /", headers: []string{w.allowed, "x-chosen: root"}})
				return got != nil && got.Header.Get("X-User-Id") == "root"
			}},
		{id: "headers-not-sent", name: "not allowed", edits: []string{"                - exact: \"authorization\"\n", ""}, open: refused},
		{id: "headers-not-sent", name: "disallowed",
			edits: []string{authzOption, authzOption + "              disallowed_headers: { patterns: [ { prefix: auth } ] }\n"}, open: refused},
		{id: "headers-not-sent", name: "a spelling", scripted: true,
			edits: []string{sent, strings.ReplaceAll(sent, "[^a-z0-9]", "-")}, also: []string{strips, strings.ReplaceAll(strips, "[^a-z0-9]", "-")},
			further: []string{"early-strip-spellings"}, always: []string{"early-strip-spellings"},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				w.quiet()
				http1(t, p.address, call{line: "GET /", headers: []string{"x.user.id: forged"}})
				return len(seenFields(w.scripted.last(t).GetRequest().GetHttp().GetHeaderMap())) == 1 // only its id
			}},
		{id: "raw-headers", scripted: true, edits: []string{"encode_raw_headers: true", "encode_raw_headers: false"},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				w.quiet()
				http1(t, p.address, call{line: "GET /", headers: []string{"cookie: a=1", "cookie: b=2"}})
				return w.scripted.last(t).GetRequest().GetHttp().GetHeaders()["cookie"] == "a=1,b=2"
			}},
	}
}

const rbacFilter = `          - name: envoy.filters.http.rbac
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules: { policies: { users: { permissions: [ { any: true } ], principals: [ { header: { name: x-user-id, ` +
	`present_match: true } } ] } } }
`

// lintAnswerRows are about what the gate's answer may change, and what the client gets of
// it.
func lintAnswerRows(t *testing.T) []lintRow {
	setting := func(headers ...*corev3.HeaderValueOption) *authv3.CheckResponse {
		return allowing(&authv3.OkHttpResponse{Headers: headers})
	}
	rules := between(t, "              decoder_header_mutation_rules:\n", "              grpc_service:\n")
	failing := func(context.Context, int) (*authv3.CheckResponse, error) {
		return nil, grpcstatus.Error(codes.Internal, "fault")
	}
	elsewhere := func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		got := w.received(t, p, call{line: "GET /"})
		return got != nil && got.URI == "/admin"
	}
	const adminRoute = `              - match: { prefix: "/admin" }
                route: { cluster: app, timeout: 0s }
                response_headers_to_add: [ { header: { key: x-route, value: admin } } ]
`
	denied := func(t *testing.T, p *envoyProxy) answer {
		return http1(t, p.address, call{line: "GET /", headers: []string{"origin: http://localhost:3000"}})
	}
	return []lintRow{
		// The mutation rules stop such values too. Without both, the value reaches the router.
		{id: "validate-mutations", scripted: true, edits: []string{"validate_mutations: true", "validate_mutations: false"},
			also: []string{rules, ""}, further: []string{"mutation-rules-missing"}, always: []string{"mutation-rules-missing"},
			open: saying(setting(field("x-user-id", "a\r\nx-user-groups: admin")), answered(http.StatusServiceUnavailable))},
		{id: "mutation-rules-missing", scripted: true, edits: []string{rules, ""}, open: saying(setting(field(":path", "/admin")), elsewhere)},
		{id: "mutation-rules-too-wide", scripted: true,
			edits: []string{"                disallow_all: true\n", "", "                disallow_system: true\n", ""},
			open:  saying(setting(field(":path", "/admin")), elsewhere)},
		{id: "mutation-rules-too-narrow",
			edits: []string{
				`|x[^a-z0-9]user[^a-z0-9](id|name|email|groups|scopes|client|kind|issuer|roles)" } # edit: identity, tokens`,
				`" } # edit: identity, tokens`}, open: refused},
		{id: "mutation-rules-silent", scripted: true, edits: []string{"disallow_is_error: true", "disallow_is_error: false"},
			open: saying(allowing(&authv3.OkHttpResponse{HeadersToRemove: []string{"x-secret"}}), arrives("X-Secret", "x-secret: a"))},
		{id: "clear-route-cache", scripted: true,
			also: []string{firstRoute, firstRoute + adminRoute}, further: []string{"mutation-rules-missing"},
			edits: []string{rules, "", "clear_route_cache: false", "clear_route_cache: true"},
			open: saying(setting(field(":path", "/admin")), func(t *testing.T, _ *lintFixture, p *envoyProxy) bool {
				return http1(t, p.address, call{line: "GET /"}).Header.Get("X-Route") == "admin"
			})},
		{id: "status-on-error", scripted: true, edits: []string{"              status_on_error: { code: 503 }", "              #"},
			open: doing(failing, answered(http.StatusForbidden))},
		{id: "local-reply-overwrites",
			edits: []string{"            mappers:\n",
				"            mappers:\n            - filter: { response_flag_filter: { flags: [ UAEX ] } }\n" +
					"              body: { inline_string: \"no\" }\n"},
			open: func(t *testing.T, _ *lintFixture, p *envoyProxy) bool { return denied(t, p).Body == "no" }},
		{id: "cors-behind-ext-authz", edits: []string{corsFilter, "", routerFilter, corsFilter + routerFilter},
			open: func(t *testing.T, _ *lintFixture, p *envoyProxy) bool {
				got := denied(t, p)
				return got.Status == http.StatusUnauthorized && got.Header.Get("Access-Control-Allow-Origin") == ""
			}},
		{id: "denial-truncated", edits: []string{"max_denied_response_body_bytes: 4096", "max_denied_response_body_bytes: 40"},
			open: func(t *testing.T, _ *lintFixture, p *envoyProxy) bool { return len(denied(t, p).Body) == 40 }},
	}
}
