package e2e

import "go.yaml.in/yaml/v4"

// listenerHoles are further ways in: other listeners, other addresses.
func listenerHoles() []operator {
	return []operator{
		{"second-listener", true, openListener(nil)},
		{"second-listener-outbound", true, openListener(func(m *mutation, l *yaml.Node) {
			setField(l, "traffic_direction", text(m.pick("OUTBOUND", "2", "INBOUND")))
		})},
		{"second-listener-sidecar", true, openListener(func(m *mutation, l *yaml.Node) {
			setField(l, "traffic_direction", text("OUTBOUND"))
			setField(m.root, "node", m.node("{ id: %s, cluster: edge }",
				m.pick("edge", "sidecar~127.0.0.1~edge.default~default.svc.cluster.local", "router~127.0.0.1~gw.default~default")))
		})},
		{"edge-outbound", true, (*mutation).mutateEdgeOutbound},
		{"second-listener-not-bound", true, openListener(func(m *mutation, l *yaml.Node) {
			setField(l, "bind_to_port", text("false"))
		})},
		{"second-listener-stat-prefix", true, openListener(func(m *mutation, l *yaml.Node) {
			setField(l, "name", text(m.pick("virtualOutbound", "admin", "jwtgate", "virtualInbound")))
		})},
		{"second-listener-discovery", true, (*mutation).mutateSecondListenerDiscovery},
		{"second-listener-pipe", true, openListener(func(m *mutation, l *yaml.Node) {
			setField(l, "address", m.node(`pipe: { path: "@jwtgate-guard-9009" }`))
		})},
		{"second-listener-bytes", true, func(m *mutation) bool { return m.listener("bytes", "8081", m.proxyChain()) != nil }},
		{"second-listener-bytes-by-state", true, (*mutation).mutateSecondListenerBytesByState},
		{"second-listener-bytes-outbound", true, (*mutation).mutateSecondListenerBytesOutbound},
		{"additional-address", true, (*mutation).mutateAdditionalAddress},
		{"internal-listener", true, func(m *mutation) bool { return m.inner(m.openChain()) }},
		{"internal-listener-bytes", true, func(m *mutation) bool { return m.inner(m.proxyChain()) }},
		{"api-listener", true, (*mutation).mutateApiListener},
		{"listener-generic-proxy", true, func(m *mutation) bool { return m.listener("generic", "8081", m.genericProxy()) != nil }},
	}
}

// openListener adds a listener with an open connection manager, and changes it.
func openListener(change func(m *mutation, listener *yaml.Node)) func(m *mutation) bool {
	return func(m *mutation) bool {
		listener := m.listener("second", "8081", m.openChain())
		if listener != nil && change != nil {
			change(m, listener)
		}
		return listener != nil
	}
}

// dropAuthz removes the ext_authz filter.
func (m *mutation) dropAuthz() bool {
	filters := m.filters()
	at := authzAt(filters)
	if at >= 0 {
		filters.Content = append(filters.Content[:at:at], filters.Content[at+1:]...)
	}
	return at >= 0
}

// inner adds an internal listener, and a listener whose bytes go there.
func (m *mutation) inner(chain *yaml.Node) bool {
	l := m.listener("inner", "8082", chain)
	if l == nil {
		return false
	}
	dropField(l, "address")
	setField(l, "internal_listener", m.node("{}"))
	m.cluster("to_inner")
	setField(m.root, "bootstrap_extensions", sequence(m.node("%s", internalListenerExtension)))
	return m.listener("second", "8081", m.node(`filters: [ { name: envoy.filters.network.tcp_proxy, typed_config: {
  $net.tcp_proxy.v3.TcpProxy, stat_prefix: inner, cluster: to_inner } } ]`)) != nil
}

// genericProxy is a filter chain that speaks HTTP/1.1 without a connection manager.
func (m *mutation) genericProxy() *yaml.Node {
	return m.node(`filters: [ { name: envoy.filters.network.generic_proxy, typed_config: {
  $net.generic_proxy.v3.GenericProxy, stat_prefix: generic,
  codec_config: { name: envoy.generic_proxy.codecs.http1, typed_config: {
    $net.generic_proxy.codecs.http1.v3.Http1CodecConfig } },
  filters: [ { name: envoy.filters.generic.router, typed_config: {
    $net.generic_proxy.router.v3.Router } } ],
  route_config: { name: generic, virtual_hosts: [ { name: any, hosts: [ "*" ], routes: { matcher_list: { matchers: [ {
    predicate: { single_predicate: { input: { name: host, typed_config: {
      $net.generic_proxy.matcher.v3.HostMatchInput } }, value_match: { safe_regex: { google_re2: {}, regex: ".*" } } } },
    on_match: { action: { name: route, typed_config: {
      $net.generic_proxy.action.v3.RouteAction, cluster: app } } } } ] },
    on_no_match: { action: { name: route, typed_config: {
      $net.generic_proxy.action.v3.RouteAction, cluster: app } } } } } ] } } } ]`)
}

// chainHoles are further filter chains of the one listener, and other network filters.
func chainHoles() []operator {
	return []operator{
		{"second-chain", true, func(m *mutation) bool { return m.secondChain(m.openChain()) }},
		{"second-chain-bytes", true, func(m *mutation) bool { return m.secondChain(m.proxyChain()) }},
		{"default-chain", true, func(m *mutation) bool { return m.defaultChain(m.openChain()) }},
		{"default-chain-bytes", true, func(m *mutation) bool { return m.defaultChain(m.proxyChain()) }},
		{"default-chain-alone", true, (*mutation).mutateDefaultChainAlone},
		{"chain-matcher", true, (*mutation).mutateChainMatcher},
		{"network-noise-before", true, (*mutation).mutateNetworkNoiseBefore},
		{"network-discovery", true, (*mutation).mutateNetworkDiscovery},
	}
}

// secondChain adds a filter chain that matches connections from loopback.
func (m *mutation) secondChain(chain *yaml.Node) bool {
	if chain == nil {
		return false
	}
	setField(chain, "name", text("second"))
	setField(chain, "filter_chain_match", m.node("%s", m.pick(
		"{ source_prefix_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }",
		"{ destination_port: 8080 }",
		"{ prefix_ranges: [ { address_prefix: 127.0.0.1, prefix_len: 32 } ] }",
		"{ transport_protocol: raw_buffer }",
		"{ source_type: SAME_IP_OR_LOOPBACK }",
		"{ direct_source_prefix_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }")))
	chains := dig(m.edge(), "filter_chains")
	return chains != nil && insert(chains, m.rng.IntN(2)*len(chains.Content), chain)
}

// defaultChain lets the chain that is there match nothing.
func (m *mutation) defaultChain(chain *yaml.Node) bool {
	if chain == nil || m.chain() == nil {
		return false
	}
	setField(m.chain(), "filter_chain_match", m.node("%s", m.pick("{ destination_port: 1 }", "{ server_names: [ a.example ] }",
		"{ source_prefix_ranges: [ { address_prefix: 192.0.2.0, prefix_len: 24 } ] }")))
	setField(m.edge(), "default_filter_chain", chain)
	return true
}

// discovery is a filter that is fetched from a place that never answers, and until then is this one.
func (m *mutation) discovery(kind string, config *yaml.Node) *yaml.Node {
	made := m.node(`{ config_source: { resource_api_version: V3, path_config_source: { path: /dev/null } },
  apply_default_config_without_warming: true, type_urls: [ type.googleapis.com/%s ] }`, kind)
	setField(made, "default_config", config)
	if dig(m.root, "node") == nil {
		setField(m.root, "node", m.node("{ id: edge, cluster: edge }")) // Envoy subscribes to nothing without them
	}
	return made
}

func (m *mutation) mutateEdgeOutbound() bool {
	if m.edge() == nil || !m.dropAuthz() {
		return false
	}
	setField(m.edge(), "traffic_direction", text(m.pick("OUTBOUND", "2")))
	return true
}

// mutateSecondListenerDiscovery: the connection manager is a default until it is fetched.
func (m *mutation) mutateSecondListenerDiscovery() bool {
	manager := m.openManager()
	l := m.listener("second", "8081", m.node("filters: [ { name: envoy.filters.network.http_connection_manager } ]"))
	if l == nil || manager == nil {
		return false
	}
	setField(dig(l, "filter_chains", 0, "filters", 0), "config_discovery",
		m.discovery("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", manager))
	return true
}

// mutateSecondListenerBytesByState: a filter before says which cluster.
func (m *mutation) mutateSecondListenerBytesByState() bool {
	l := m.listener("bytes", "8081", m.node(`filters: [ { name: state, typed_config: {
  $net.set_filter_state.v3.Config, on_new_connection: [ {
    object_key: envoy.tcp_proxy.cluster, format_string: { text_format_source: { inline_string: app } } } ] } } ]`))
	chain := m.proxyChain()
	if l == nil {
		return false
	}
	setField(dig(chain, "filters", 0, "typed_config"), "cluster", text("gone"))
	dropField(dig(chain, "filters", 0, "typed_config"), "weighted_clusters")
	m.cluster("gone")
	filters := dig(l, "filter_chains", 0, "filters")
	filters.Content = append(filters.Content, dig(chain, "filters", 0))
	return true
}

func (m *mutation) mutateSecondListenerBytesOutbound() bool {
	l := m.listener("bytes", "8081", m.proxyChain())
	if l != nil {
		setField(l, "traffic_direction", text("OUTBOUND"))
	}
	return l != nil
}

func (m *mutation) mutateAdditionalAddress() bool {
	l := m.listener("second", "8081", m.openChain())
	if l != nil {
		setField(l, "additional_addresses", m.node("[ { address: { socket_address: { address: 127.0.0.1, port_value: 8082 } } } ]"))
	}
	return l != nil
}

func (m *mutation) mutateApiListener() bool {
	l := m.listener("api", "8081", m.node("filters: []"))
	manager := m.openManager()
	if l == nil || manager == nil {
		return false
	}
	dropField(l, "filter_chains")
	setField(l, "api_listener", m.node("{}"))
	setField(dig(l, "api_listener"), "api_listener", manager)
	return true
}

func (m *mutation) mutateDefaultChainAlone() bool {
	chain := m.openChain()
	if chain == nil {
		return false
	}
	dropField(m.edge(), "filter_chains")
	setField(m.edge(), "default_filter_chain", chain)
	return true
}

func (m *mutation) mutateChainMatcher() bool {
	chain := m.openChain()
	if chain == nil || !insert(dig(m.edge(), "filter_chains"), m.rng.IntN(2), chain) {
		return false
	}
	for i, one := range dig(m.edge(), "filter_chains").Content {
		setField(one, "name", text([]string{"one", "two"}[i%2]))
	}
	name := "one"
	if authzAt(dig(m.edge(), "filter_chains", 1, "filters", 0, "typed_config", "http_filters")) < 0 {
		name = "two"
	}
	action := m.node(`action: { name: %s, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue,
  value: %s } }`, name, name)
	setField(m.edge(), "filter_chain_matcher", m.node("{}"))
	setField(dig(m.edge(), "filter_chain_matcher"), "on_no_match", action)
	return true
}

func (m *mutation) mutateNetworkNoiseBefore() bool {
	return m.dropAuthz() && insert(dig(m.chain(), "filters"), 0, m.node("%s", m.pick(
		`{ name: rbac, typed_config: { $net.rbac.v3.RBAC, stat_prefix: r } }`,
		`{ name: ext_authz, typed_config: { $net.ext_authz.v3.ExtAuthz, stat_prefix: jwtgate, failure_mode_allow: true,
  transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: jwtgate } } } }`,
		`{ name: limit, typed_config: { $net.connection_limit.v3.ConnectionLimit, stat_prefix: c, max_connections: 100000 } }`)))
}

func (m *mutation) mutateNetworkDiscovery() bool {
	manager := m.openManager()
	filter := dig(m.chain(), "filters", 0)
	if manager == nil {
		return false
	}
	dropField(filter, "typed_config")
	setField(filter, "config_discovery",
		m.discovery("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", manager))
	return true
}
