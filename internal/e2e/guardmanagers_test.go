package e2e

import (
	"go.yaml.in/yaml/v4"
)

const routerOnly = `{ name: envoy.filters.http.router, typed_config: { $http.router.v3.Router } }`

// managerHoles are settings of the connection manager that lead around its filters or its routes.
func managerHoles() []operator {
	return []operator{
		{"upgrade-filters", true, func(m *mutation) bool { return m.upgrade("websocket") }},
		{"upgrade-filters-other", true, func(m *mutation) bool { return m.upgrade("other") }},
		{"upgrade-filters-second", true, (*mutation).mutateUpgradeFiltersSecond},
		{"upgrade-route", true, (*mutation).mutateUpgradeRoute},
		{"upgrade-connect", true, (*mutation).mutateUpgradeConnect},
		{"ext-authz-removed", true, func(m *mutation) bool { return m.dropAuthz() }},
		{"http-filters-removed", true, (*mutation).mutateHttpFiltersRemoved},
		{"scoped-routes", true, func(m *mutation) bool { return m.scoped("") }},
		{"scoped-routes-open", true, func(m *mutation) bool { return m.scoped(m.perRouteOff()) }},
	}
}

// upgrade gives an upgrade filters of its own, which are not those of other requests.
func (m *mutation) upgrade(kind string) bool {
	if m.manager() == nil {
		return false
	}
	config := m.node("{ upgrade_type: %s, filters: [ %s ] }", kind, m.pick(routerOnly, noiseFilters()[5]+", "+routerOnly))
	if kind != "websocket" && m.flip() {
		setField(config, "enabled", text("true"))
	}
	setField(m.manager(), "upgrade_configs", sequence(config))
	return true
}

// eachRoute changes the action of every route, and reports whether there is one.
func (m *mutation) eachRoute(change func(action *yaml.Node)) bool {
	found := false
	if m.routes() == nil {
		return false
	}
	for _, route := range m.routes().Content {
		if action := dig(route, "route"); action != nil {
			change(action)
			found = true
		}
	}
	return found
}

// scoped moves the routes into scopes: a request's header chooses one. The scope that is open has what is given for its filters.
func (m *mutation) scoped(perFilter string) bool {
	routes := m.routing()
	if routes == nil {
		return false
	}
	open := cloneTree(routes)
	setField(open, "name", text("open"))
	setField(routes, "name", text("closed"))
	if perFilter != "" {
		setField(dig(open, "virtual_hosts", 0), "typed_per_filter_config", m.node("%s", perFilter))
	} else if !m.dropAuthz() {
		return false
	}
	dropField(m.manager(), "route_config")
	scope := func(key string, config *yaml.Node) *yaml.Node {
		made := m.node(`{ name: "%s", key: { fragments: [ { string_key: "%s" } ] } }`, key, key)
		setField(made, "route_configuration", config)
		return made
	}
	all := m.node(`{ name: scopes, scope_key_builder: { fragments: [ { header_value_extractor: { name: x-open,
  element_separator: ",", index: 0 } } ] } }`)
	list := m.node("{}")
	setField(list, "scoped_route_configurations", sequence(scope("yes", open), scope("no", routes)))
	setField(all, "scoped_route_configurations_list", list)
	setField(m.manager(), "scoped_routes", all)
	return true
}

// noiseFilters are HTTP filters that let requests on.
func noiseFilters() []string {
	kind := func(name, message, more string) string {
		return `{ name: ` + name + `, typed_config: { $http.` + message + more + ` } }`
	}
	return []string{
		kind("buffer", "buffer.v3.Buffer", ", max_request_bytes: 1000000"),
		kind("web", "grpc_web.v3.GrpcWeb", ""),
		kind("csrf", "csrf.v3.CsrfPolicy", ", filter_enabled: { default_value: { numerator: 0 } }"),
		kind("stats", "grpc_stats.v3.FilterConfig", ""),
		kind("fault", "fault.v3.HTTPFault", ""),
		kind("rbac", "rbac.v3.RBAC", ""),
		kind("health", "health_check.v3.HealthCheck", `, pass_through_mode: false, headers: [ { name: ":path", string_match: {
  exact: /health } } ]`),
		kind("tap", "tap.v3.Tap", ", common_config: { admin_config: { config_id: t } }"),
		kind("demand", "on_demand.v3.OnDemand", ""),
		kind("bandwidth", "bandwidth_limit.v3.BandwidthLimit", ", stat_prefix: b"),
		kind("session", "stateful_session.v3.StatefulSession", ""),
		kind("h2m", "header_to_metadata.v3.Config", `,
  request_rules: [ { header: x-open, on_header_present: { metadata_namespace: open, key: open, type: STRING } } ]`),
	}
}

// luaFilter is a filter that runs a script for each request.
func luaFilter(code string) string {
	return `{ name: lua, typed_config: { $http.lua.v3.Lua,
  default_source_code: { inline_string: "` + code + `" } } }`
}

// filterHoles are about the list of HTTP filters.
func filterHoles() []operator {
	return []operator{
		{"ext-authz-off", true, (*mutation).mutateExtAuthzOff},
		{"ext-authz-second-off", true, (*mutation).mutateExtAuthzSecondOff},
		{"filter-discovery", true, (*mutation).mutateFilterDiscovery},
		{"filter-discovery-authz", true, (*mutation).mutateFilterDiscoveryAuthz},
		{"lua-before", true, (*mutation).mutateLuaBefore},
		{"lua-calls", true, (*mutation).mutateLuaCalls},
		{"lua-reroutes", true, (*mutation).mutateLuaReroutes},
		{"mcp-router", true, (*mutation).mutateMCPRouter},
		{"filter-optional", true, (*mutation).mutateFilterOptional},
		{"decoy-filters", true, (*mutation).mutateDecoyFilters},
		{"noise-before", true, (*mutation).mutateNoiseBefore},
		{"ext-authz-renamed-type", true, (*mutation).mutateExtAuthzRenamedType},
	}
}

func (m *mutation) mutateUpgradeFiltersSecond() bool {
	list := dig(m.manager(), "upgrade_configs")
	return list != nil && insert(list, m.rng.IntN(2), m.node("{ upgrade_type: spdy/3.1, filters: [ %s ] }", routerOnly))
}

func (m *mutation) mutateUpgradeRoute() bool {
	if !m.upgrade("foo") {
		return false
	}
	setField(dig(m.manager(), "upgrade_configs", 0), "enabled", text("false"))
	return m.eachRoute(func(route *yaml.Node) {
		setField(route, "upgrade_configs", m.node("[ { upgrade_type: foo, enabled: true } ]"))
	})
}

func (m *mutation) mutateUpgradeConnect() bool {
	kind := m.pick("", "connect_config: {}, ")
	return m.upgrade("CONNECT") && insert(m.routes(), 0,
		m.node(`{ match: { connect_matcher: {} }, route: { cluster: app, timeout: 0s,
  upgrade_configs: [ { upgrade_type: CONNECT, %s enabled: true } ] } }`, kind))
}

func (m *mutation) mutateHttpFiltersRemoved() bool {
	if m.manager() == nil {
		return false
	}
	setField(m.manager(), "http_filters", m.node("[ %s ]", routerOnly))
	return true
}

func (m *mutation) mutateExtAuthzOff() bool {
	if m.authz() == nil {
		return false
	}
	setField(m.authz(), "disabled", text("true"))
	return true
}

// mutateExtAuthzSecondOff: two of them, of which one asks.
func (m *mutation) mutateExtAuthzSecondOff() bool {
	if m.authz() == nil {
		return false
	}
	other := cloneTree(m.authz())
	setField(other, "name", text("other"))
	setField(m.authz(), "disabled", text("true"))
	setField(dig(other, "typed_config", "grpc_service", "envoy_grpc"), "cluster_name", text("gone"))
	m.cluster("gone")
	setField(dig(other, "typed_config"), "failure_mode_allow", text("true"))
	return insert(m.filters(), authzAt(m.filters()), other)
}

func (m *mutation) mutateFilterDiscovery() bool {
	if m.authz() == nil {
		return false
	}
	entry := m.authz()
	dropField(entry, "typed_config")
	setField(entry, "config_discovery", m.discovery("envoy.extensions.filters.http.cors.v3.Cors", m.node(`$http.cors.v3.Cors`)))
	return true
}

func (m *mutation) mutateFilterDiscoveryAuthz() bool {
	if m.authz() == nil {
		return false
	}
	config := m.authzConfig()
	setField(config, "failure_mode_allow", text("true"))
	setField(config, "grpc_service", m.node("envoy_grpc: { cluster_name: gone }"))
	m.cluster("gone")
	entry := m.authz()
	dropField(entry, "typed_config")
	setField(entry, "config_discovery", m.discovery("envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", config))
	return true
}

func (m *mutation) mutateLuaBefore() bool {
	return m.dropAuthz() && insert(m.filters(), 0, m.node("%s", luaFilter("function envoy_on_request(h) h:headers():add('x-lua', 'yes') end")))
}

func (m *mutation) mutateLuaCalls() bool {
	return insert(m.filters(), 0, m.node("%s", luaFilter(
		"function envoy_on_request(h) local a, b = h:httpCall('app', { [':method'] = 'GET', [':path'] = '/lua', [':authority'] = 'a', "+
			"['x-probe'] = h:headers():get('x-probe') }, '', 500) h:respond({ [':status'] = '200' }, b) end")))
}

func (m *mutation) mutateLuaReroutes() bool {
	off := m.perRouteOff()
	route := "{ match: { path: /inner }, route: { cluster: app }, typed_per_filter_config: %s }"
	script := "function envoy_on_request(h) h:headers():replace(':path', '/inner') h:clearRouteCache() end"
	return off != "" && insert(m.routes(), 0, m.node(route, off)) && insert(m.filters(), 0, m.node("%s", luaFilter(script)))
}

func (m *mutation) mutateNoiseBefore() bool {
	return m.dropAuthz() && insert(m.filters(), 0, m.node("%s", m.pick(noiseFilters()...)))
}

// mutateExtAuthzRenamedType: the same name, another filter.
func (m *mutation) mutateExtAuthzRenamedType() bool {
	if m.authz() == nil {
		return false
	}
	setField(m.authz(), "typed_config", m.node("%s", m.pick(
		`{ $http.grpc_web.v3.GrpcWeb }`,
		`{ $http.fault.v3.HTTPFault }`,
		`{ $http.rbac.v3.RBAC, shadow_rules: { action: DENY, policies: { jwtgate: { permissions: [ { any: true } ], principals: [ {
  any: true } ] } } } }`,
		`{ $http.ext_proc.v3.ExternalProcessor, failure_mode_allow: true, grpc_service: { envoy_grpc: { cluster_name: jwtgate } } }`)))
	return true
}

// mutateDecoyFilters: the list that Envoy reads has no ext_authz; Envoy ignores a second list, which has ext_authz.
func (m *mutation) mutateDecoyFilters() bool {
	if authzAt(m.filters()) < 0 {
		return false
	}
	decoy := cloneTree(m.filters())
	key := text("http_filters")
	m.dropAuthz()
	manager := m.manager()
	if m.flip() {
		key.Tag = "!ignore"
		if m.flip() {
			key.Value = "httpFilters"
		}
		if m.flip() {
			manager.Content = append(manager.Content, key, decoy)
			return true
		}
	}
	manager.Content = append([]*yaml.Node{key, decoy}, manager.Content...)
	return true
}

// mutateFilterOptional: ext_authz has a type that Envoy does not know, and Envoy leaves out an optional filter that it does not know.
func (m *mutation) mutateFilterOptional() bool {
	entry := m.authz()
	if entry == nil {
		return false
	}
	config := m.authzConfig()
	dropField(config, "@type")
	wrapped := m.node(`{ "@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/%s }`, m.pick(
		"envoy.extensions.filters.http.ext_authz.v4.ExtAuthz", "envoy.config.filter.http.ext_authz.v2.ExtAuthz", "example.http.ExtAuthz"))
	setField(wrapped, "value", config)
	setField(entry, "typed_config", wrapped)
	setField(entry, "is_optional", text("true"))
	setField(entry, "name", text(m.pick("envoy.filters.http.ext_authz", "jwtgate")))
	return true
}

// mutateMCPRouter: the last filter is another one than the router, and forwards by itself. The routes forward nothing, or what they did.
func (m *mutation) mutateMCPRouter() bool {
	if m.manager() == nil || m.host() == nil {
		return false
	}
	setField(m.manager(), "http_filters", m.node(`[ { name: mcp, typed_config: { $http.mcp.v3.Mcp } }, { name: mcp_router, typed_config: {
  $http.mcp_router.v3.McpRouter, servers: [ { name: app, mcp_cluster: { cluster: app, path: /mcp } } ] } } ]`))
	if m.flip() {
		setField(m.host(), "routes", m.node(`[ { match: { prefix: "/" }, direct_response: { status: 200 } } ]`))
	}
	return true
}
