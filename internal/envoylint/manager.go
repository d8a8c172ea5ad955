package envoylint

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// manager is one HTTP connection manager with its chains and routes.
type manager struct {
	listener, hcm *value
	chains        []*chain
	// routes are its route configurations that are in the file; unread are the places
	// that name the others.
	routes, unread []*value
	hopsKnown      bool
	known          []hop
	placesKnown    bool
	knownPlaces    []hop
	signInsKnown   bool
	signInConfigs  []*value
	signInsChecked bool
	// callbackPaths and callbacksExact are what callbacks returns, once they are known.
	callbackPaths                  []string
	callbacksKnown, callbacksExact bool
}

// chain is a list of HTTP filters of a connection manager: the manager's own list, or
// the list for requests that upgrade to a protocol.
type chain struct {
	*manager
	at      *value // the list
	upgrade string // the protocol; empty for the manager's own
	filters []filter
	gate    []int // indices of the filters that call the gate
}

// filter is one HTTP filter.
type filter struct {
	name     string
	entry    *value
	kind     string // the full name of its message
	settings *value
	disabled bool // by default; routes can enable it
	// fallback is its configuration until Envoy has fetched the other one; nil if there
	// is none.
	fallback *value
	// absent is set if Envoy fetches the configuration and the file does not have it.
	absent bool
}

// sidecarOutbound reports whether a listener of a sidecar is for the application's own
// calls. Istio's gateways mark their listeners in the same way, although clients connect
// to them.
func (r *resources) sidecarOutbound(listener *value) bool {
	return listener.get("traffic_direction").either("OUTBOUND") && strings.HasPrefix(r.node, "sidecar~")
}

// split returns the listeners to which clients connect, and a sidecar's outbound ones.
func (r *resources) split() (inbound, outbound []*value) {
	for _, listener := range r.listeners {
		if r.sidecarOutbound(listener) {
			outbound = append(outbound, listener)
		} else {
			inbound = append(inbound, listener)
		}
	}
	return inbound, outbound
}

// managersOf returns every HTTP connection manager in listeners, at any depth.
func (r *resources) managersOf(listeners []*value) []*manager {
	var all []*manager
	for _, listener := range listeners {
		for _, part := range r.partsOf(listener) {
			for _, hcm := range part.messages(managerType) {
				all = append(all, r.manager(listener, hcm))
			}
		}
	}
	return all
}

// partsOf returns a listener, and the configurations of its network filters that Envoy
// fetches by name.
func (r *resources) partsOf(listener *value) []*value {
	parts := []*value{listener}
	for _, network := range listener.messages(networkFilter) {
		if found, ok := r.filters[network.get("name").text]; ok && network.get("config_discovery").there() {
			parts = append(parts, found)
		}
	}
	return parts
}

func (r *resources) manager(listener, hcm *value) *manager {
	m := &manager{listener: listener, hcm: hcm}
	r.findRoutes(m)
	m.chains = append(m.chains, r.chain(m, hcm.get("http_filters"), ""))
	for _, upgrade := range hcm.get("upgrade_configs").items {
		if own := upgrade.get("filters"); len(own.items) > 0 {
			m.chains = append(m.chains, r.chain(m, own, upgrade.get("upgrade_type").text))
		}
	}
	return m
}

// findRoutes finds the route configurations of a connection manager.
func (r *resources) findRoutes(m *manager) {
	byName := func(at *value) {
		if found, ok := r.routes[at.text]; ok && at.there() {
			m.routes = append(m.routes, found)
		} else {
			m.unread = append(m.unread, at)
		}
	}
	scope := func(one *value) {
		if inline := one.get("route_configuration"); inline.there() {
			m.routes = append(m.routes, inline)
		} else {
			byName(one.get("route_configuration_name"))
		}
	}
	scoped, scopes := m.hcm.get("scoped_routes"), r.scopes
	inline := scoped.get("scoped_route_configurations_list")
	if inline.there() {
		scopes = inline.get("scoped_route_configurations").items
	}
	switch own, rds := m.hcm.get("route_config"), m.hcm.get("rds"); {
	case own.there():
		m.routes = append(m.routes, own)
	case rds.there():
		byName(rds.get("route_config_name"))
	case inline.there(), scoped.there() && len(scopes) > 0:
		for _, one := range scopes {
			scope(one)
		}
	case scoped.there():
		m.unread = append(m.unread, scoped)
	default:
		m.unread = append(m.unread, own)
	}
	for _, one := range m.routes {
		if hosts := one.get("vhds"); hosts.there() {
			m.unread = append(m.unread, hosts)
		}
	}
}

func (r *resources) chain(m *manager, at *value, upgrade string) *chain {
	c := &chain{manager: m, at: at, upgrade: upgrade}
	for _, entry := range at.items {
		f := filter{name: entry.get("name").text, entry: entry, disabled: entry.get("disabled").is()}
		config := entry.get("typed_config")
		if discovery := entry.get("config_discovery"); discovery.there() {
			found, ok := r.filters[f.name]
			f.absent, config = !ok, found
			if first := discovery.get("default_config"); first.there() {
				_, f.fallback = first.typed()
			}
			if !ok {
				config = discovery.get("default_config")
			}
		}
		f.kind, f.settings = config.typed()
		c.filters = append(c.filters, f)
	}
	return c
}

// inside returns the messages of a type that a filter may run: itself, the choices of
// matchers and composites, and its fallback.
func (f filter) inside(name protoreflect.FullName) []*value {
	var all []*value
	for _, settings := range f.configurations() {
		all = append(all, settings.messages(name)...)
	}
	return all
}

// configurations returns the settings of a filter, and its fallback.
func (f filter) configurations() []*value {
	if f.fallback == nil || f.fallback == f.settings {
		return []*value{f.settings}
	}
	return []*value{f.settings, f.fallback}
}

// is reports whether a filter itself is of a type.
func (f filter) is(name protoreflect.FullName) bool { return f.settings.isMessage(name) }
