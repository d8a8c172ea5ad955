package e2e

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// authzHoles are settings of the ext_authz filter itself.
func authzHoles() []operator {
	return []operator{
		{"filter-enabled-none", true, (*mutation).mutateFilterEnabledNone},
		{"filter-enabled-runtime", true, (*mutation).mutateFilterEnabledRuntime},
		{"deny-at-disable-runtime", true, (*mutation).mutateDenyAtDisableRuntime},
		{"filter-enabled-metadata", true, (*mutation).mutateFilterEnabledMetadata},
		{"deny-at-disable", true, (*mutation).mutateDenyAtDisable},
		{"shadow", true, func(m *mutation) bool { return m.setAuthz("shadow_mode", "true") }},
		{"allow-when-gone", true, (*mutation).mutateAllowWhenGone},
		{"allow-when-unknown", true, (*mutation).mutateAllowWhenUnknown},
		{"allow-when-late", true, (*mutation).mutateAllowWhenLate},
		{"asks-the-application", true, (*mutation).mutateAsksTheApplication},
		{"asks-by-http", true, (*mutation).mutateAsksByHttp},
		{"failure-mode-noise", true, (*mutation).mutateFailureModeNoise},
		{"ext-authz-named-otherwise", true, (*mutation).mutateExtAuthzNamedOtherwise},
	}
}

// setAuthz sets fields of the ext_authz filter.
func (m *mutation) setAuthz(name, value string, more ...string) bool {
	if m.authzConfig() == nil {
		return false
	}
	setField(m.authzConfig(), name, m.node("%s", value))
	for i := 0; i+1 < len(more); i += 2 {
		setField(m.authzConfig(), more[i], m.node("%s", more[i+1]))
	}
	return true
}

// off is what switches ext_authz off for a route.
func (m *mutation) off() string {
	const perRoute = `$http.ext_authz.v3.ExtAuthzPerRoute`
	const config = `$envoy.config.route.v3.FilterConfig`
	return m.pick(
		"{ "+perRoute+", disabled: true }",
		"{ "+config+", disabled: true }",
		"{ "+config+", config: { "+perRoute+", disabled: true } }",
		"{ "+config+", is_optional: true, config: { "+perRoute+", disabled: true } }",
		"{ "+config+", disabled: true, config: { "+perRoute+", check_settings: {} } }")
}

// offAt switches ext_authz off at a level.
func (m *mutation) offAt(level string) bool {
	return m.authz() != nil && m.perFilter(level, scalarOf(m.authz(), "name"), m.node("%s", m.off()))
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
		`{ path_match_policy: { name: template, typed_config: { $ext.path.match.uri_template.v3.UriTemplateMatchConfig,
  path_template: "/{open}" } } }`,
		`{ prefix: "/", runtime_fraction: { default_value: { numerator: 100 } } }`,
		`{ prefix: "/", headers: [ { name: ":method", string_match: { exact: POST } } ] }`,
	}
}

// routeHoles are further routes and hosts, and other ways to say them.
func routeHoles() []operator {
	return []operator{
		{"route-open", true, (*mutation).mutateRouteOpen},
		{"host-open", true, (*mutation).mutateHostOpen},
		{"host-matcher", true, (*mutation).mutateHostMatcher},
		{"host-matcher-no-authz", true, (*mutation).mutateHostMatcherNoAuthz},
		{"host-matcher-tree", true, (*mutation).mutateHostMatcherTree},
		{"cluster-header", true, (*mutation).mutateClusterHeader},
		{"cluster-plugin", true, (*mutation).mutateClusterPlugin},
		{"cluster-plugin-matcher", true, (*mutation).mutateClusterPluginMatcher},
		{"route-elsewhere-noise", true, (*mutation).mutateRouteElsewhereNoise},
		{"routes-answer-but-one", true, (*mutation).mutateRoutesAnswerButOne},
	}
}

// routeAction is a matcher's action that takes a route, or a list of routes.
func (m *mutation) routeAction(route *yaml.Node) *yaml.Node {
	kind, list := "Route", m.flip()
	if list {
		kind = "RouteList"
	}
	action := m.node(`{ name: route, typed_config: { $envoy.config.route.v3.%s } }`, kind)
	typed := dig(action, "typed_config")
	if list {
		setField(typed, "routes", sequence(route))
	} else {
		typed.Content = append(typed.Content, route.Content...)
	}
	return action
}

// perRouteHoles switch ext_authz off, or ask another, at each level of the routes.
func perRouteHoles() []operator {
	return []operator{
		{"off-route", true, func(m *mutation) bool { return m.offAt("route") }},
		{"off-host", true, func(m *mutation) bool { return m.offAt("host") }},
		{"off-routes", true, func(m *mutation) bool { return m.offAt("routes") }},
		{"off-weighted", true, (*mutation).mutateOffWeighted},
		{"off-but-on", true, (*mutation).mutateOffButOn},
		{"off-empty-settings", true, (*mutation).mutateOffEmptySettings},
		{"asks-another", true, (*mutation).mutateAsksAnother},
	}
}

func (m *mutation) mutateFilterEnabledNone() bool {
	return m.setAuthz("filter_enabled", m.pick("{ default_value: { numerator: 0 } }",
		"{ default_value: { numerator: 0, denominator: MILLION }, runtime_key: a.b }",
		"{ default_value: {} }", "{}", "{ runtime_key: missing.key, default_value: { denominator: 2 } }"))
}

// mutateFilterEnabledRuntime: the runtime of the file says none.
func (m *mutation) mutateFilterEnabledRuntime() bool {
	layers := dig(m.root, "layered_runtime", "layers", 0, "static_layer")
	if layers == nil {
		return false
	}
	setField(layers, "guard.none", text("0"))
	return m.setAuthz("filter_enabled", "{ runtime_key: guard.none, default_value: { numerator: 100 } }")
}

func (m *mutation) mutateFilterEnabledMetadata() bool {
	return m.setAuthz("filter_enabled_metadata", m.pick(
		`{ filter: open, path: [ { key: open } ], value: { string_match: { exact: "yes" } } }`,
		`{ filter: open, path: [ { key: open } ], value: { present_match: true } }`,
		`{ filter: open, path: [ { key: open } ], value: { string_match: { exact: "yes" } }, invert: false }`))
}

func (m *mutation) mutateDenyAtDisable() bool {
	return m.setAuthz("filter_enabled", "{ default_value: { numerator: 0 } }", "deny_at_disable", m.pick(
		"{ default_value: false, runtime_key: a }", "{ default_value: no, runtime_key: a.b }"))
}

func (m *mutation) mutateAllowWhenGone() bool {
	m.cluster("gone")
	return m.setAuthz("grpc_service", "envoy_grpc: { cluster_name: gone }") && m.setAuthz("failure_mode_allow", "true")
}

func (m *mutation) mutateAllowWhenUnknown() bool {
	return m.setAuthz("failure_mode_allow", "true", "grpc_service", "google_grpc: { target_uri: '127.0.0.1:9009', stat_prefix: jwtgate }")
}

func (m *mutation) mutateAllowWhenLate() bool {
	if m.authzConfig() == nil || dig(m.authzConfig(), "grpc_service") == nil {
		return false
	}
	setField(dig(m.authzConfig(), "grpc_service"), "timeout", text("0.000001s"))
	return m.setAuthz("failure_mode_allow", "true")
}

func (m *mutation) mutateAsksTheApplication() bool {
	return m.setAuthz("grpc_service", "envoy_grpc: { cluster_name: app_grpc }", "failure_mode_allow", m.pick("true", "false"))
}

func (m *mutation) mutateAsksByHttp() bool {
	if m.authzConfig() == nil {
		return false
	}
	dropField(m.authzConfig(), "grpc_service")
	return m.setAuthz("http_service", "{ server_uri: { uri: http://jwtgate, cluster: app, timeout: 1s } }")
}

func (m *mutation) mutateFailureModeNoise() bool {
	noise := m.pick("failure_mode_allow_header_add", "clear_route_cache", "include_peer_certificate", "emit_filter_state_stats")
	return m.setAuthz(noise, "true") &&
		m.setAuthz("with_request_body", "{ max_request_bytes: 10, allow_partial_message: true }")
}

func (m *mutation) mutateExtAuthzNamedOtherwise() bool {
	if m.authz() == nil || m.host() == nil {
		return false
	}
	setField(m.authz(), "name", text("gate"))
	return m.perFilter(m.pick("route", "host", "routes"), "gate", m.node("%s", m.off()))
}

func (m *mutation) mutateRouteOpen() bool {
	off := m.perRouteOff()
	return off != "" && insert(m.routes(), 0,
		m.node("{ match: %s, route: { cluster: app, timeout: 0s }, typed_per_filter_config: %s }", m.pick(matches()...), off))
}

func (m *mutation) mutateHostOpen() bool {
	off := m.perRouteOff()
	hosts := dig(m.routing(), "virtual_hosts")
	return off != "" && insert(hosts, m.rng.IntN(2), m.node(`{ name: open, domains: [ %s ], typed_per_filter_config: %s,
  routes: [ { match: { prefix: "/" }, route: { cluster: app } } ] }`,
		m.pick("open.example", `"*.example"`, `"open.*"`), off))
}

func (m *mutation) mutateHostMatcher() bool {
	off := m.perRouteOff()
	if off == "" || m.host() == nil {
		return false
	}
	dropField(m.host(), "routes")
	route := m.node(`{ match: { prefix: "/" }, route: { cluster: app }, typed_per_filter_config: %s }`, off)
	setField(m.host(), "matcher", m.node("{ on_no_match: {} }"))
	setField(dig(m.host(), "matcher", "on_no_match"), "action", m.routeAction(route))
	return true
}

func (m *mutation) mutateHostMatcherNoAuthz() bool {
	if !m.dropAuthz() || m.host() == nil {
		return false
	}
	dropField(m.host(), "routes")
	setField(m.host(), "matcher", m.node(`{ matcher_tree: { input: %s, exact_match_map: { map: { "yes": {} } } } }`, openInput))
	setField(dig(m.host(), "matcher", "matcher_tree", "exact_match_map", "map", "yes"), "action",
		m.routeAction(m.node(`{ match: { prefix: "/" }, route: { cluster: app } }`)))
	return true
}

func (m *mutation) mutateHostMatcherTree() bool {
	off := m.perRouteOff()
	if off == "" || m.host() == nil {
		return false
	}
	closed := m.routeAction(m.node(`{ match: { prefix: "/" }, route: { cluster: app } }`))
	open := m.routeAction(m.node(`{ match: { prefix: "/" }, route: { cluster: app }, typed_per_filter_config: %s }`, off))
	dropField(m.host(), "routes")
	setField(m.host(), "matcher", m.node(`{ matcher_list: { matchers: [ { predicate: { single_predicate: { input: %s,
  value_match: { exact: "yes" } } }, on_match: {} } ] }, on_no_match: {} }`, openInput))
	setField(dig(m.host(), "matcher", "matcher_list", "matchers", 0, "on_match"), "action", open)
	setField(dig(m.host(), "matcher", "on_no_match"), "action", closed)
	return true
}

func (m *mutation) mutateClusterHeader() bool {
	return m.dropAuthz() && m.eachRoute(func(action *yaml.Node) {
		dropField(action, "cluster")
		setField(action, "cluster_header", text("x-cluster"))
	})
}

func (m *mutation) mutateClusterPlugin() bool {
	return m.dropAuthz() && m.eachRoute(func(action *yaml.Node) {
		dropField(action, "cluster")
		setField(action, "inline_cluster_specifier_plugin", m.node(`{ extension: { name: lua, typed_config: {
  $ext.router.cluster_specifiers.lua.v3.LuaConfig, source_code: { inline_string: "function envoy_on_route(h) return 'app' end" } } } }`))
	})
}

func (m *mutation) mutateClusterPluginMatcher() bool {
	off := m.perRouteOff()
	return off != "" && insert(m.routes(), 0, m.node(`{ match: { prefix: /open }, typed_per_filter_config: %s, route: {
  inline_cluster_specifier_plugin: { extension: { name: matcher, typed_config: {
  $ext.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier, cluster_matcher: { on_no_match: { action: { name: to, typed_config: {
  $ext.router.cluster_specifiers.matcher.v3.ClusterAction, cluster: app } } } } } } } } }`, off))
}

func (m *mutation) mutateRouteElsewhereNoise() bool {
	return m.eachRoute(func(action *yaml.Node) {
		setField(action, "internal_redirect_policy", m.node("{ max_internal_redirects: 2 }"))
		m.cluster("app_again")
		setField(action, "request_mirror_policies", m.node("[ { cluster: app_again } ]"))
	}) && m.dropAuthz()
}

// mutateRoutesAnswerButOne: all that is seen is an answer of Envoy's own.
func (m *mutation) mutateRoutesAnswerButOne() bool {
	off := m.perRouteOff()
	if off == "" || m.host() == nil {
		return false
	}
	setField(m.host(), "routes", m.node(`[ { match: { prefix: "/" }, direct_response: { status: 200 } } ]`))
	return insert(m.routes(), 0, m.node(`{ match: { prefix: /open }, typed_per_filter_config: %s, route: { cluster: app } }`, off))
}

func (m *mutation) mutateOffWeighted() bool {
	off := m.perRouteOff()
	action := dig(m.routes(), 1, "route")
	if off == "" || action == nil {
		return false
	}
	m.cluster("app_again")
	dropField(action, "cluster")
	setField(action, "weighted_clusters", m.node(
		"{ clusters: [ { name: app_again, weight: 1, typed_per_filter_config: %s }, { name: app, weight: %s } ] }", off, m.pick("0", "1")))
	return true
}

// mutateOffButOn: off at the host, on at one route.
func (m *mutation) mutateOffButOn() bool {
	return m.offAt("host") && m.perFilter("route", scalarOf(m.authz(), "name"),
		m.node(`{ $http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {} }`))
}

// mutateOffEmptySettings: the filter is off, an entry at a route may switch it on.
func (m *mutation) mutateOffEmptySettings() bool {
	if m.authz() == nil {
		return false
	}
	setField(m.authz(), "disabled", text("true"))
	return m.perFilter("host", scalarOf(m.authz(), "name"), m.node("%s", m.pick(
		`{ $envoy.config.route.v3.FilterConfig, config: { $http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {} } }`,
		`{ $http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {} }`))) &&
		insert(m.routes(), 0, m.node(`{ match: { prefix: /open }, route: { cluster: app }, typed_per_filter_config: {
  %s: %s } }`, scalarOf(m.authz(), "name"),
			m.off()))
}

func (m *mutation) mutateAsksAnother() bool {
	if m.authz() == nil {
		return false
	}
	m.cluster("gone")
	setField(m.authzConfig(), "failure_mode_allow", text(m.pick("true", "false")))
	return m.perFilter(m.pick("route", "host", "routes"), scalarOf(m.authz(), "name"), m.node(
		`{ $http.ext_authz.v3.ExtAuthzPerRoute, check_settings: { %s } }`, m.pick(
			"grpc_service: { envoy_grpc: { cluster_name: gone } }",
			"http_service: { server_uri: { uri: http://a, cluster: app, timeout: 1s } }",
			"http_service: { server_uri: { uri: http://a, cluster: app, timeout: 1s } }, disable_request_body_buffering: true")))
}

// mutateDenyAtDisableRuntime: the runtime of the file says no to both.
func (m *mutation) mutateDenyAtDisableRuntime() bool {
	if !m.mutateFilterEnabledRuntime() {
		return false
	}
	setField(dig(m.root, "layered_runtime", "layers", 0, "static_layer"), "guard.off", text("false"))
	return m.setAuthz("deny_at_disable", "{ runtime_key: guard.off, default_value: true }")
}
