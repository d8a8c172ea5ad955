package envoylint

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// manager is one HTTP connection manager with what belongs to it.
type manager struct {
	listener, hcm *value
	chains        []*chain
	// routes are its route configurations, as far as the file has them; unread are
	// the places of those that it does not have.
	routes, unread []*value
	hopsKnown      bool
	known          []hop
}

// chain is a list of HTTP filters that requests of a connection manager take:
// its own, or that of a protocol which requests upgrade to.
type chain struct {
	*manager
	at      *value // the list
	upgrade string // the protocol; empty for the manager's own
	filters []filter
	gate    []int // which filters ask the gate
}

// filter is one HTTP filter.
type filter struct {
	name     string
	entry    *value
	kind     string // the full name of its message
	settings *value
	disabled bool // by default: routes switch it on
	// fallback is what it runs until its configuration has been fetched; nil if it
	// is not fetched, or waits.
	fallback *value
	// absent is set for a filter that is fetched and not in the file.
	absent bool
}

// sidecarOutbound reports whether a listener is one of a mesh's sidecar for what
// the application itself calls. The gateways of Istio mark their listeners in the
// same way, and clients call those.
func (r *resources) sidecarOutbound(listener *value) bool {
	return listener.get("traffic_direction").either("OUTBOUND") && strings.HasPrefix(r.node, "sidecar~")
}

// split returns the listeners that clients call, and those that are skipped.
func (r *resources) split() (looked, skipped []*value) {
	for _, listener := range r.listeners {
		if r.sidecarOutbound(listener) {
			skipped = append(skipped, listener)
		} else {
			looked = append(looked, listener)
		}
	}
	return looked, skipped
}

// managersOf returns every HTTP connection manager of listeners, wherever in them
// it stands.
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

// partsOf is a listener, and the configurations of those of its network filters
// that are fetched by name.
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
	scoped := m.hcm.get("scoped_routes")
	switch own, rds := m.hcm.get("route_config"), m.hcm.get("rds"); {
	case own.there():
		m.routes = append(m.routes, own)
	case rds.there():
		byName(rds.get("route_config_name"))
	case scoped.get("scoped_route_configurations_list").there():
		for _, one := range scoped.get("scoped_route_configurations_list", "scoped_route_configurations").items {
			scope(one)
		}
	case scoped.there() && len(r.scopes) > 0:
		for _, one := range r.scopes {
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

// inside returns the messages of a type that a filter may run: itself, what
// matchers and composites choose from, and what it runs until it is fetched.
func (f filter) inside(name protoreflect.FullName) []*value {
	var all []*value
	for _, settings := range f.configurations() {
		all = append(all, settings.messages(name)...)
	}
	return all
}

// configurations are what a filter may run: its settings, and what it runs until
// they are fetched.
func (f filter) configurations() []*value {
	if f.fallback == nil || f.fallback == f.settings {
		return []*value{f.settings}
	}
	return []*value{f.settings, f.fallback}
}

// is reports whether a filter is of a type, and not one that may run it.
func (f filter) is(name protoreflect.FullName) bool { return f.settings.isMessage(name) }
