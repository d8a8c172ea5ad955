package e2e

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

const (
	skipAction = `action: { name: skip, typed_config: { $ext.filters.common.matcher.action.v3.SkipFilter } }`
	openInput  = `{ name: header, typed_config: { $envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-open } }`
)

// matchers are xDS matchers that take an action for every request, or for those with a header.
func matchers(action string) []string {
	return []string{
		`{ on_no_match: { ` + action + ` } }`,
		`{ matcher_list: { matchers: [ { predicate: { single_predicate: { input: ` + openInput + `, value_match: {
  exact: "yes" } } }, on_match: { ` + action + ` } } ] } }`,
		`{ matcher_tree: { input: ` + openInput + `, exact_match_map: { map: { "yes": { ` + action + ` } } } } }`,
		`{ matcher_tree: { input: ` + openInput + `, prefix_match_map: { map: { "ye": { ` + action + ` } } } } }`,
		`{ matcher_list: { matchers: [ { predicate: { not_matcher: { single_predicate: { input: ` + openInput + `, value_match: {
  exact: "no" } } } },
  on_match: { matcher: { on_no_match: { ` + action + ` } } } } ] } }`,
	}
}

// wrapperHoles put ext_authz into another filter that decides whether it runs.
func wrapperHoles() []operator {
	return []operator{
		{"match-delegate", true, (*mutation).mutateMatchDelegate},
		{"match-delegate-route", true, (*mutation).mutateMatchDelegateRoute},
		{"composite", true, func(m *mutation) bool { return m.composite(false) }},
		{"composite-chain", true, func(m *mutation) bool { return m.composite(true) }},
		{"composite-legacy", true, (*mutation).mutateCompositeLegacy},
		{"composite-sampled", true, (*mutation).mutateCompositeSampled},
		{"composite-named", true, (*mutation).mutateCompositeNamed},
		{"composite-route", true, (*mutation).mutateCompositeRoute},
		{"composite-inside-out", true, (*mutation).mutateCompositeInsideOut},
		{"filter-chain", true, (*mutation).mutateFilterChain},
		{"filter-chain-per-route-only", true, (*mutation).mutateFilterChainPerRouteOnly},
		{"filter-chain-off", true, (*mutation).mutateFilterChainOff},
	}
}

// chainFilter puts ext_authz into a filter that is a list of filters, and returns that filter's settings.
func (m *mutation) chainFilter(entry *yaml.Node) *yaml.Node {
	if entry == nil {
		return nil
	}
	wrapped := m.node(`{ $http.filter_chain.v3.FilterChainConfig, default_filter_chain: { filters: [ { name: ext_authz } ] } }`)
	setField(dig(wrapped, "default_filter_chain", "filters", 0), "typed_config", m.authzConfig())
	setField(entry, "typed_config", wrapped)
	at := slices.Index(m.filters().Content, entry)
	m.filters().Content[at] = entry
	return wrapped
}

// composite lets a matcher choose between ext_authz and another filter, or none.
func (m *mutation) composite(chain bool) bool {
	entry := m.authz()
	if entry == nil {
		return false
	}
	wrapped := m.node(`{ $http.composite.v3.Composite }`)
	setField(wrapped, "matcher", m.composed(chain))
	setField(entry, "typed_config", wrapped)
	return true
}

// composed is a matcher that runs ext_authz for requests with a header, and for others another filter or none; or the other way.
func (m *mutation) composed(chain bool) *yaml.Node {
	wrap := func(name string, config *yaml.Node) *yaml.Node {
		filter := m.node("{ name: %s }", name)
		setField(filter, "typed_config", config)
		action := m.node(`action: { name: run, typed_config: { $http.composite.v3.ExecuteFilterAction } }`)
		if chain {
			filters := m.node("{}")
			setField(filters, "typed_config", sequence(filter))
			setField(dig(action, "action", "typed_config"), "filter_chain", filters)
		} else {
			setField(dig(action, "action", "typed_config"), "typed_config", filter)
		}
		return action
	}
	asks := wrap("ext_authz", m.authzConfig())
	web := wrap("web", m.node(`$http.grpc_web.v3.GrpcWeb`))
	matcher := m.node(`{ matcher_tree: { input: %s, exact_match_map: { map: {} } } }`, openInput)
	cases := dig(matcher, "matcher_tree", "exact_match_map", "map")
	switch m.rng.IntN(3) {
	case 0:
		setField(cases, "yes", asks)
	case 1:
		setField(cases, "yes", web)
		setField(matcher, "on_no_match", asks)
	default:
		setField(cases, "yes", asks)
		setField(matcher, "on_no_match", web)
	}
	return matcher
}

func (m *mutation) mutateMatchDelegate() bool {
	entry := m.authz()
	if entry == nil {
		return false
	}
	wrapped := m.node(`{ $ext.common.matching.v3.ExtensionWithMatcher, extension_config: { name: ext_authz }, %s: %s }`,
		m.pick("xds_matcher", "xds_matcher", "matcher"), m.pick(matchers(skipAction)...))
	setField(dig(wrapped, "extension_config"), "typed_config", m.authzConfig())
	setField(entry, "typed_config", wrapped)
	return true
}

func (m *mutation) mutateMatchDelegateRoute() bool {
	entry := m.authz()
	if entry == nil || m.host() == nil {
		return false
	}
	wrapped := m.node(`{ $ext.common.matching.v3.ExtensionWithMatcher, extension_config: { name: ext_authz },
  xds_matcher: { matcher_list: { matchers: [ { predicate: { single_predicate: { input: %s, value_match: { exact: never } } },
  on_match: { %s } } ] } } }`, openInput, skipAction)
	setField(dig(wrapped, "extension_config"), "typed_config", m.authzConfig())
	setField(entry, "typed_config", wrapped)
	m.perFilter(m.pick("route", "host", "routes"), scalarOf(entry, "name"), m.node(
		`{ $ext.common.matching.v3.ExtensionWithMatcherPerRoute, xds_matcher: %s }`, m.pick(matchers(skipAction)...)))
	return true
}

// mutateCompositeLegacy: a matcher outside the composite filter chooses the filter.
func (m *mutation) mutateCompositeLegacy() bool {
	entry := m.authz()
	if entry == nil {
		return false
	}
	wrapped := m.node(`{ $ext.common.matching.v3.ExtensionWithMatcher, extension_config: { name: composite, typed_config: {
  $http.composite.v3.Composite } } }`)
	setField(wrapped, "xds_matcher", m.composed(false))
	setField(entry, "typed_config", wrapped)
	return true
}

func (m *mutation) mutateCompositeSampled() bool {
	if m.authz() == nil {
		return false
	}
	action := m.node(`{ name: run, typed_config: { $http.composite.v3.ExecuteFilterAction, typed_config: { name: ext_authz },
  sample_percent: { default_value: { numerator: 0 } } } }`)
	setField(dig(action, "typed_config", "typed_config"), "typed_config", m.authzConfig())
	wrapped := m.node(`{ $http.composite.v3.Composite, matcher: { on_no_match: {} } }`)
	setField(dig(wrapped, "matcher", "on_no_match"), "action", action)
	setField(m.authz(), "typed_config", wrapped)
	return true
}

func (m *mutation) mutateCompositeNamed() bool {
	if m.authz() == nil {
		return false
	}
	wrapped := m.node(`{ $http.composite.v3.Composite,
  named_filter_chains: { asked: { typed_config: [ { name: ext_authz } ] }, open: { typed_config: [ { name: web, typed_config: {
  $http.grpc_web.v3.GrpcWeb } } ] } },
  matcher: %s }`, m.pick(matchers(`action: { name: run, typed_config: { $http.composite.v3.ExecuteFilterAction,
  filter_chain_name: open } }`)...))
	setField(dig(wrapped, "named_filter_chains", "asked", "typed_config", 0), "typed_config", m.authzConfig())
	setField(m.authz(), "typed_config", wrapped)
	return true
}

// mutateCompositeRoute: the route's matcher in place of the filter's.
func (m *mutation) mutateCompositeRoute() bool {
	if m.authz() == nil || !m.composite(false) {
		return false
	}
	return m.perFilter(m.pick("route", "host", "routes"), "envoy.filters.http.ext_authz", m.node(
		`{ $http.composite.v3.CompositePerRoute, matcher: { on_no_match: { action: { name: run, typed_config: {
  $http.composite.v3.ExecuteFilterAction, typed_config: { name: web, typed_config: {
    $http.grpc_web.v3.GrpcWeb } } } } } } }`))
}

// mutateCompositeInsideOut: ext_authz asks, until the matcher of a composite says otherwise.
func (m *mutation) mutateCompositeInsideOut() bool {
	if m.authz() == nil {
		return false
	}
	asks := m.authzConfig()
	wrapped := m.node(`{ $http.composite.v3.Composite, matcher: %s }`, m.pick(matchers(skipAction)...))
	action := m.node(`action: { name: run, typed_config: { $http.composite.v3.ExecuteFilterAction, typed_config: { name: ext_authz } } }`)
	setField(dig(action, "action", "typed_config", "typed_config"), "typed_config", asks)
	if dig(wrapped, "matcher", "on_no_match") == nil {
		setField(dig(wrapped, "matcher"), "on_no_match", action)
	}
	setField(m.authz(), "typed_config", wrapped)
	return true
}

func (m *mutation) mutateFilterChain() bool {
	chain := m.chainFilter(m.authz())
	return chain != nil && m.perFilter(m.pick("route", "host", "routes"), scalarOf(m.authz(), "name"), m.node(`{
  $http.filter_chain.v3.FilterChainConfigPerRoute,
  filter_chain: { filters: [ { name: ext_authz, typed_config: { $http.grpc_web.v3.GrpcWeb } } ] } }`))
}

func (m *mutation) mutateFilterChainPerRouteOnly() bool {
	chain := m.chainFilter(m.authz())
	if chain == nil {
		return false
	}
	dropField(chain, "default_filter_chain")
	return true
}

func (m *mutation) mutateFilterChainOff() bool {
	chain := m.chainFilter(m.authz())
	if chain == nil {
		return false
	}
	return m.perFilter(m.pick("route", "host", "routes"), scalarOf(m.authz(), "name"),
		m.node(`{ $envoy.config.route.v3.FilterConfig, disabled: true }`))
}
