package envoylint

import (
	"slices"
	"strings"
)

// hop is one route on the way to an application, with the levels at which
// settings of filters may stand, the most specific first.
type hop struct {
	route  *value
	levels []*value
}

// hops returns the routes of a connection manager that forward requests. A
// redirect and a direct response reach no application.
func (m *manager) hops() []hop {
	var all []hop
	for _, host := range m.routes.get("virtual_hosts").items {
		for _, route := range host.get("routes").items {
			action := route.get("route")
			if !action.there() {
				continue
			}
			levels := []*value{route, host, m.routes}
			weighted := action.get("weighted_clusters", "clusters").items
			for _, one := range weighted {
				all = append(all, hop{one, append([]*value{one}, levels...)})
			}
			if len(weighted) == 0 {
				all = append(all, hop{route, levels})
			}
		}
	}
	return all
}

// cluster is where a hop leads; empty where a header or a plugin says.
func (h hop) cluster() string {
	if name := h.route.get("route", "cluster"); name.there() {
		return name.text
	}
	return h.route.get("name").text // of a weighted cluster
}

// clusters are those that a connection manager forwards to.
func (m *manager) clusters() []string {
	var names []string
	for _, h := range m.hops() {
		names = append(names, h.cluster())
	}
	return names
}

// forwards reports whether a connection manager leads to an application. Where
// its routes are elsewhere it does, for all that is known. Envoy's own admin
// interface, which platforms put behind a listener for metrics, is none.
func (l *linter) forwards(m *manager) bool {
	if !m.routes.get("virtual_hosts").there() {
		l.report("routes-elsewhere", m.routes.in, "the routes are not in this file")
		return true
	}
	return slices.ContainsFunc(m.hops(), func(h hop) bool { return !l.isAdmin(h.cluster()) })
}

// isAdmin reports whether a cluster is Envoy's own admin interface.
func (l *linter) isAdmin(name string) bool {
	own := l.admin.get("address", "socket_address")
	endpoints := l.endpoints(name)
	return own.there() && len(endpoints) > 0 && !slices.ContainsFunc(endpoints, func(address *value) bool {
		socket := address.get("socket_address")
		return socket.get("port_value").text != own.get("port_value").text || !loopback(socket.get("address").text)
	})
}

// endpoints are the addresses of a cluster, as far as the file has them.
func (l *linter) endpoints(name string) []*value {
	cluster, ok := l.clusters[name]
	if !ok {
		return nil
	}
	var all []*value
	for _, locality := range cluster.get("load_assignment", "endpoints").items {
		for _, one := range locality.get("lb_endpoints").items {
			all = append(all, one.get("endpoint", "address"))
		}
	}
	return all
}

// setting is what a level says of a filter: the message, and where it is switched
// off, if it is.
func setting(level *value, filter string) (message, off *value) {
	entry := level.get("typed_per_filter_config").exactly(filter)
	name, message := entry.typed()
	if short(name) == "FilterConfig" {
		if disabled := message.get("disabled"); disabled.is() {
			return message, disabled
		}
		if inner := message.get("config"); inner.there() {
			name, message = inner.typed()
		}
	}
	if disabled := message.get("disabled"); short(name) == "ExtAuthzPerRoute" && disabled.is() {
		return message, disabled
	}
	return message, &value{}
}

// exactly is get for the keys of a map, which have one form only.
func (v *value) exactly(name string) *value {
	for _, f := range slices.Backward(v.fields) {
		if f.name == name {
			return f.value
		}
	}
	return v.absent(name)
}

// asked looks for routes on which the gate is not asked, or not the gate.
func (l *linter) asked(m *manager) {
	if !m.routes.get("virtual_hosts").there() {
		for _, i := range m.gate {
			if f := m.filters[i]; f.disabled && len(m.gate) == 1 {
				l.report("ext-authz-disabled", f.entry.get("disabled"), "the filter is off wherever a route does not switch it on")
			}
		}
		return
	}
	for _, h := range m.hops() {
		if l.isAdmin(h.cluster()) {
			continue
		}
		asked := false
		off := h.route
		for _, i := range m.gate {
			f := m.filters[i]
			on, where := f.on(h)
			asked = asked || on
			if where != nil {
				off = where
			}
		}
		if !asked && len(m.gate) > 0 {
			l.report("ext-authz-disabled", off, "ext_authz is off for the route %s", h.name())
		}
		for _, level := range h.levels {
			l.checkSettings(m, level)
		}
		l.letterCase(m, h)
	}
}

// letterCase looks at a route that names a route of the gate's and is chosen by
// the letter case of a path. The gate then reads the path in no other way.
func (l *linter) letterCase(m *manager, h hop) {
	if l.gate.CaseSensitive {
		return
	}
	match := h.entry().get("match")
	if at := match.get("case_sensitive"); at.there() && !at.is() {
		return
	}
	names := false
	for _, i := range m.gate {
		for _, level := range h.levels[:len(h.levels)-2] { // the virtual host's own are for every path
			message, _ := setting(level, m.filters[i].name)
			names = names || message.get("check_settings", "context_extensions").exactly("jwtgate.route").there()
		}
	}
	for _, kind := range pathMatches() {
		if at := match.get(kind); names && strings.ToUpper(at.text) != strings.ToLower(at.text) {
			l.report("named-route-case", at, "%s in another letter case takes another route", at.text)
		}
	}
}

// on reports whether a filter runs on a hop; where says what switched it off.
func (f filter) on(h hop) (on bool, where *value) {
	for _, level := range h.levels {
		message, off := setting(level, f.name)
		switch {
		case off.there():
			return false, off
		case message.there():
			return true, nil
		}
	}
	if f.disabled {
		return false, nil // at the route, which could switch it on
	}
	return true, nil
}

// entry is the route itself, of which a weighted cluster is a part.
func (h hop) entry() *value { return h.levels[len(h.levels)-3] }

// pathMatches are the matches of a route that hold a path as it is written.
func pathMatches() []string { return []string{"path", "prefix", "path_separated_prefix"} }

// name is how a route is known to its author.
func (h hop) name() string {
	route := h.entry()
	if name := route.get("name"); name.there() {
		return name.text
	}
	match := route.get("match")
	for _, kind := range pathMatches() {
		if text := match.get(kind); text.there() {
			return text.text
		}
	}
	if regex := match.get("safe_regex", "regex"); regex.there() {
		return regex.text
	}
	return route.path()
}

// redacted is what Envoy writes into a dump in place of what may be a secret.
const redacted = "[redacted]"

// checkSettings looks at what a level tells the gate, and whom it asks.
func (l *linter) checkSettings(m *manager, level *value) {
	for _, i := range m.gate {
		f := m.filters[i]
		message, _ := setting(level, f.name)
		settings := message.get("check_settings")
		for _, kind := range []string{"grpc_service", "http_service"} {
			if other := settings.get(kind); other.there() && target(other) != target(f.settings.get("grpc_service")) {
				l.report("other-server", other, "%s is asked in the gate's place", target(other))
			}
		}
		for _, one := range settings.get("context_extensions").fields {
			switch {
			case one.text == redacted: // a dump does not tell
			case one.name == "jwtgate.route" && !slices.Contains(l.gate.Routes, one.text):
				l.report("route-unknown", one.value, "jwtgate.route names %q, and there is no such route", one.text)
			case one.name != "jwtgate.route" && strings.HasPrefix(one.name, "jwtgate."):
				l.report("route-unknown", one.value, "there is no key %q", one.name)
			}
		}
	}
}

// target names whom a service asks.
func target(service *value) string {
	for _, at := range [][]string{{"envoy_grpc", "cluster_name"}, {"google_grpc", "target_uri"}, {"server_uri", "cluster"}} {
		if name := service.get(at...); name.there() {
			return name.text
		}
	}
	return "nobody"
}

// gateFilters finds the filters that ask the gate, and returns the names of the
// clusters that they ask, each once. Where several servers are asked, the gate is the one whose cluster,
// filter or statistics have its name, or whose port it listens on; without such
// a sign every ext_authz filter is taken for it.
func (l *linter) gateFilters(managers []*manager) []*value {
	signed := false
	for _, m := range managers {
		for _, f := range m.filters {
			signed = signed || f.authz() && l.signed(f)
		}
	}
	var names []*value
	for _, m := range managers {
		for i, f := range m.filters {
			if !f.authz() || signed && !l.signed(f) {
				continue
			}
			m.gate = append(m.gate, i)
			name := f.authzSettings().get("grpc_service", "envoy_grpc", "cluster_name")
			if name.there() && !slices.ContainsFunc(names, func(one *value) bool { return one.text == name.text }) {
				names = append(names, name)
			}
		}
	}
	return names
}

// authz reports whether a filter is ext_authz, by itself or behind a matcher.
func (f filter) authz() bool { return f.authzSettings() != nil }

// authzSettings are the settings of an ext_authz filter; nil for another.
func (f filter) authzSettings() *value {
	kind, settings := f.kind, f.settings
	if short(kind) == "ExtensionWithMatcher" {
		kind, settings = settings.get("extension_config", "typed_config").typed()
	}
	if short(kind) != "ExtAuthz" || !strings.Contains(kind, ".http.") {
		return nil
	}
	return settings
}

// signed reports whether an ext_authz filter shows that it asks the gate.
func (l *linter) signed(f filter) bool {
	settings := f.authzSettings()
	cluster := settings.get("grpc_service", "envoy_grpc", "cluster_name").text
	for _, name := range []string{
		f.name, settings.get("stat_prefix").text, cluster,
		target(settings.get("grpc_service")), target(settings.get("http_service")),
	} {
		if strings.Contains(strings.ToLower(name), "jwtgate") {
			return true
		}
	}
	return slices.ContainsFunc(l.endpoints(cluster), func(address *value) bool {
		return l.gate.Port != "" && address.get("socket_address", "port_value").text == l.gate.Port
	})
}
