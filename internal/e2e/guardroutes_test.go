package e2e

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// authzHoles are settings of the ext_authz filter itself.
func authzHoles() []operator {
	set := func(name, value string, more ...string) func(m *mutation) bool {
		return func(m *mutation) bool {
			if m.authzConfig() == nil {
				return false
			}
			setField(m.authzConfig(), name, m.node("%s", value))
			for i := 0; i+1 < len(more); i += 2 {
				setField(m.authzConfig(), more[i], m.node("%s", more[i+1]))
			}
			return true
		}
	}
	gone := func(m *mutation, service string) bool {
		m.cluster("gone")
		return set("grpc_service", service)(m)
	}
	return []operator{
		{"filter-enabled-none", true, func(m *mutation) bool {
			return set("filter_enabled", m.pick("{ default_value: { numerator: 0 } }", "{ default_value: { numerator: 0, denominator: MILLION }, runtime_key: a.b }",
				"{ default_value: {} }", "{}", "{ runtime_key: missing.key, default_value: { denominator: 2 } }"))(m)
		}},
		{"filter-enabled-runtime", true, func(m *mutation) bool { // the runtime of the file says none
			layers := dig(m.root, "layered_runtime", "layers", 0, "static_layer")
			if layers == nil {
				return false
			}
			setField(layers, "guard.none", text("0"))
			return set("filter_enabled", "{ runtime_key: guard.none, default_value: { numerator: 100 } }")(m)
		}},
		{"filter-enabled-metadata", true, func(m *mutation) bool {
			return set("filter_enabled_metadata", m.pick(
				`{ filter: open, path: [ { key: open } ], value: { string_match: { exact: "yes" } } }`,
				`{ filter: open, path: [ { key: open } ], value: { present_match: true } }`,
				`{ filter: open, path: [ { key: open } ], value: { string_match: { exact: "yes" } }, invert: false }`))(m)
		}},
		{"deny-at-disable", true, func(m *mutation) bool {
			return set("filter_enabled", "{ default_value: { numerator: 0 } }", "deny_at_disable", m.pick(
				"{ default_value: false, runtime_key: a }", "{ runtime_key: a }", "{ default_value: false, runtime_key: true }"))(m)
		}},
		{"shadow", true, set("shadow_mode", "true")},
		{"allow-when-gone", true, func(m *mutation) bool {
			return gone(m, "envoy_grpc: { cluster_name: gone }") && set("failure_mode_allow", "true")(m)
		}},
		{"allow-when-unknown", true, func(m *mutation) bool {
			return set("failure_mode_allow", "true", "grpc_service", "google_grpc: { target_uri: '127.0.0.1:9009', stat_prefix: jwtgate }")(m)
		}},
		{"allow-when-late", true, func(m *mutation) bool {
			if m.authzConfig() == nil || dig(m.authzConfig(), "grpc_service") == nil {
				return false
			}
			setField(dig(m.authzConfig(), "grpc_service"), "timeout", text("0.000001s"))
			return set("failure_mode_allow", "true")(m)
		}},
		{"asks-the-application", true, func(m *mutation) bool {
			return set("grpc_service", "envoy_grpc: { cluster_name: app_grpc }", "failure_mode_allow", m.pick("true", "false"))(m)
		}},
		{"asks-by-http", true, func(m *mutation) bool {
			if m.authzConfig() == nil {
				return false
			}
			dropField(m.authzConfig(), "grpc_service")
			return set("http_service", "{ server_uri: { uri: http://jwtgate, cluster: app, timeout: 1s } }")(m)
		}},
		{"failure-mode-noise", true, func(m *mutation) bool {
			return set(m.pick("failure_mode_allow_header_add", "clear_route_cache", "include_peer_certificate", "emit_filter_state_stats"), "true")(m) &&
				set("with_request_body", "{ max_request_bytes: 10, allow_partial_message: true }")(m)
		}},
		{"ext-authz-named-otherwise", true, func(m *mutation) bool {
			if m.authz() == nil || m.host() == nil {
				return false
			}
			setField(m.authz(), "name", text("gate"))
			return m.perFilter(m.pick("route", "host", "routes"), "gate", m.node("%s", m.off()))
		}},
	}
}

// off is what switches ext_authz off for a route.
func (m *mutation) off() string {
	const perRoute = `"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`
	const config = `"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig`
	return m.pick(
		"{ "+perRoute+", disabled: true }",
		"{ "+config+", disabled: true }",
		"{ "+config+", config: { "+perRoute+", disabled: true } }",
		"{ "+config+", is_optional: true, config: { "+perRoute+", disabled: true } }",
		"{ "+config+", disabled: true, config: { "+perRoute+", check_settings: {} } }")
}

// perRouteOff is a typed_per_filter_config that switches ext_authz off; empty if there is no ext_authz.
func (m *mutation) perRouteOff() string {
	if m.authz() == nil {
		return ""
	}
	return fmt.Sprintf("{ %s: %s }", scalarOf(m.authz(), "name"), m.off())
}

// perFilter sets what a level says of a filter.
func (m *mutation) perFilter(level, name string, config *yaml.Node) bool {
	at := map[string]*yaml.Node{"route": dig(m.routes(), m.rng.IntN(2)), "host": m.host(), "routes": m.routing()}[level]
	if at == nil {
		return false
	}
	settings := dig(at, "typed_per_filter_config")
	if settings == nil {
		settings = &yaml.Node{Kind: yaml.MappingNode}
		setField(at, "typed_per_filter_config", settings)
	}
	setField(settings, name, config)
	return true
}

// matches are route matches that the probes meet.
func matches() []string {
	return []string{
		"{ prefix: /open }", "{ path: /open }", "{ path_separated_prefix: /open }", `{ safe_regex: { regex: "/op.*" } }`,
		`{ prefix: "/", headers: [ { name: x-open, string_match: { exact: "yes" } } ] }`,
		`{ prefix: "/", headers: [ { name: x-open, present_match: true } ] }`,
		`{ prefix: "/", query_parameters: [ { name: open, string_match: { exact: "yes" } } ] }`,
		`{ prefix: "/", cookies: [ { name: open, string_match: { exact: "yes" } } ] }`,
		`{ path_match_policy: { name: template, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "/{open}" } } }`,
		`{ prefix: "/", runtime_fraction: { default_value: { numerator: 100 } } }`,
		`{ prefix: "/", headers: [ { name: ":method", string_match: { exact: POST } } ] }`,
	}
}

// routeHoles are further routes and hosts, and other ways to say them.
func routeHoles() []operator {
	matcherRoute := func(m *mutation, route *yaml.Node) *yaml.Node {
		kind, list := "Route", m.flip()
		if list {
			kind = "RouteList"
		}
		action := m.node(`{ name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.%s } }`, kind)
		typed := dig(action, "typed_config")
		if list {
			setField(typed, "routes", sequence(route))
		} else {
			typed.Content = append(typed.Content, route.Content...)
		}
		return action
	}
	return []operator{
		{"route-open", true, func(m *mutation) bool {
			off := m.perRouteOff()
			return off != "" && insert(m.routes(), 0, m.node("{ match: %s, route: { cluster: app, timeout: 0s }, typed_per_filter_config: %s }", m.pick(matches()...), off))
		}},
		{"host-open", true, func(m *mutation) bool {
			off := m.perRouteOff()
			hosts := dig(m.routing(), "virtual_hosts")
			return off != "" && insert(hosts, m.rng.IntN(2), m.node(`{ name: open, domains: [ %s ], typed_per_filter_config: %s, routes: [ { match: { prefix: "/" }, route: { cluster: app } } ] }`,
				m.pick("open.example", `"*.example"`, `"open.*"`), off))
		}},
		{"host-matcher", true, func(m *mutation) bool {
			off := m.perRouteOff()
			if off == "" || m.host() == nil {
				return false
			}
			dropField(m.host(), "routes")
			route := m.node(`{ match: { prefix: "/" }, route: { cluster: app }, typed_per_filter_config: %s }`, off)
			setField(m.host(), "matcher", m.node("{ on_no_match: {} }"))
			setField(dig(m.host(), "matcher", "on_no_match"), "action", matcherRoute(m, route))
			return true
		}},
		{"host-matcher-no-authz", true, func(m *mutation) bool {
			if !m.dropAuthz() || m.host() == nil {
				return false
			}
			dropField(m.host(), "routes")
			setField(m.host(), "matcher", m.node(`{ matcher_tree: { input: %s, exact_match_map: { map: { "yes": {} } } } }`, openInput))
			setField(dig(m.host(), "matcher", "matcher_tree", "exact_match_map", "map", "yes"), "action",
				matcherRoute(m, m.node(`{ match: { prefix: "/" }, route: { cluster: app } }`)))
			return true
		}},
		{"host-matcher-tree", true, func(m *mutation) bool {
			off := m.perRouteOff()
			if off == "" || m.host() == nil {
				return false
			}
			closed := matcherRoute(m, m.node(`{ match: { prefix: "/" }, route: { cluster: app } }`))
			open := matcherRoute(m, m.node(`{ match: { prefix: "/" }, route: { cluster: app }, typed_per_filter_config: %s }`, off))
			dropField(m.host(), "routes")
			setField(m.host(), "matcher", m.node(`{ matcher_list: { matchers: [ { predicate: { single_predicate: { input: %s, value_match: { exact: "yes" } } }, on_match: {} } ] }, on_no_match: {} }`, openInput))
			setField(dig(m.host(), "matcher", "matcher_list", "matchers", 0, "on_match"), "action", open)
			setField(dig(m.host(), "matcher", "on_no_match"), "action", closed)
			return true
		}},
		{"cluster-header", true, func(m *mutation) bool {
			return m.dropAuthz() && m.eachRoute(func(action *yaml.Node) {
				dropField(action, "cluster")
				setField(action, "cluster_header", text("x-cluster"))
			})
		}},
		{"cluster-plugin", true, func(m *mutation) bool {
			return m.dropAuthz() && m.eachRoute(func(action *yaml.Node) {
				dropField(action, "cluster")
				setField(action, "inline_cluster_specifier_plugin", m.node(`{ extension: { name: lua, typed_config: {
  "@type": type.googleapis.com/envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig, source_code: { inline_string: "function envoy_on_route(h) return 'app' end" } } } }`))
			})
		}},
		{"cluster-plugin-matcher", true, func(m *mutation) bool {
			off := m.perRouteOff()
			return off != "" && insert(m.routes(), 0, m.node(`{ match: { prefix: /open }, typed_per_filter_config: %s, route: { inline_cluster_specifier_plugin: { extension: { name: matcher, typed_config: {
  "@type": type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier, cluster_matcher: { on_no_match: { action: { name: to, typed_config: {
  "@type": type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction, cluster: app } } } } } } } } }`, off))
		}},
		{"route-elsewhere-noise", true, func(m *mutation) bool {
			return m.eachRoute(func(action *yaml.Node) {
				setField(action, "internal_redirect_policy", m.node("{ max_internal_redirects: 2 }"))
				m.cluster("app_again")
				setField(action, "request_mirror_policies", m.node("[ { cluster: app_again } ]"))
			}) && m.dropAuthz()
		}},
		{"routes-answer-but-one", true, func(m *mutation) bool { // all that is seen is an answer of Envoy's own
			off := m.perRouteOff()
			if off == "" || m.host() == nil {
				return false
			}
			setField(m.host(), "routes", m.node(`[ { match: { prefix: "/" }, direct_response: { status: 200 } } ]`))
			return insert(m.routes(), 0, m.node(`{ match: { prefix: /open }, typed_per_filter_config: %s, route: { cluster: app } }`, off))
		}},
	}
}

// perRouteHoles switch ext_authz off, or ask another, at each level where that can stand.
func perRouteHoles() []operator {
	level := func(where string) func(m *mutation) bool {
		return func(m *mutation) bool {
			return m.authz() != nil && m.perFilter(where, scalarOf(m.authz(), "name"), m.node("%s", m.off()))
		}
	}
	return []operator{
		{"off-route", true, level("route")},
		{"off-host", true, level("host")},
		{"off-routes", true, level("routes")},
		{"off-weighted", true, func(m *mutation) bool {
			off := m.perRouteOff()
			action := dig(m.routes(), 1, "route")
			if off == "" || action == nil {
				return false
			}
			m.cluster("app_again")
			dropField(action, "cluster")
			setField(action, "weighted_clusters", m.node("{ clusters: [ { name: app_again, weight: 1, typed_per_filter_config: %s }, { name: app, weight: %s } ] }", off, m.pick("0", "1")))
			return true
		}},
		{"off-but-on", true, func(m *mutation) bool { // off at the host, on at one route
			return level("host")(m) && m.perFilter("route", scalarOf(m.authz(), "name"),
				m.node(`{ "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {} }`))
		}},
		{"off-empty-settings", true, func(m *mutation) bool { // the filter is off, an entry at a route may switch it on
			if m.authz() == nil {
				return false
			}
			setField(m.authz(), "disabled", text("true"))
			return m.perFilter("host", scalarOf(m.authz(), "name"), m.node("%s", m.pick(
				`{ "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: { "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {} } }`,
				`{ "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {} }`))) &&
				insert(m.routes(), 0, m.node(`{ match: { prefix: /open }, route: { cluster: app }, typed_per_filter_config: { %s: %s } }`, scalarOf(m.authz(), "name"),
					m.off()))
		}},
		{"asks-another", true, func(m *mutation) bool {
			if m.authz() == nil {
				return false
			}
			m.cluster("gone")
			setField(m.authzConfig(), "failure_mode_allow", text(m.pick("true", "false")))
			return m.perFilter(m.pick("route", "host", "routes"), scalarOf(m.authz(), "name"), m.node(
				`{ "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: { %s } }`, m.pick(
					"grpc_service: { envoy_grpc: { cluster_name: gone } }",
					"http_service: { server_uri: { uri: http://a, cluster: app, timeout: 1s } }",
					"http_service: { server_uri: { uri: http://a, cluster: app, timeout: 1s } }, disable_request_body_buffering: true")))
		}},
	}
}
