package envoylint

import (
	"cmp"
	"slices"
	"strings"
)

// hop is one route on the way to an application, with the levels at which
// settings of filters may stand, the most specific first.
type hop struct {
	route  *value
	part   *value // the route, or the part of a weighted cluster
	levels []*value
}

// hops returns the routes of a connection manager that forward requests. A
// redirect and a direct response reach no application.
func (m *manager) hops() []hop {
	if m.hopsKnown {
		return m.known
	}
	m.hopsKnown = true
	for _, config := range m.routes {
		for _, host := range config.get("virtual_hosts").items {
			for _, route := range routesOf(host) {
				m.known = append(m.known, hopsOf(route, host, config)...)
			}
		}
	}
	return m.known
}

// routesOf are the routes of a virtual host: of its list and of its matcher.
func routesOf(host *value) []*value {
	return append(host.get("routes").messages(routeType), host.get("matcher").messages(routeType)...)
}

func hopsOf(route, host, config *value) []hop {
	action := route.get("route")
	if !action.there() {
		return nil
	}
	levels := []*value{route, host, config}
	weighted := action.get("weighted_clusters", "clusters").items
	if len(weighted) == 0 {
		return []hop{{route, route, levels}}
	}
	var all []hop
	for _, one := range weighted {
		all = append(all, hop{route, one, append([]*value{one}, levels...)})
	}
	return all
}

// target is where it is said to which cluster a hop leads; missing where a header
// or a plugin says.
func (h hop) target() *value {
	if h.part != h.route {
		return h.part.get("name")
	}
	return h.route.get("route", "cluster")
}

// cluster is the name of the cluster that a hop leads to; empty if it is unknown.
func (h hop) cluster() string { return h.target().text }

// forwards reports whether a connection manager leads to an application. Where
// its routes are elsewhere it does, for all that is known. Envoy's own admin
// interface, which platforms put behind a listener for metrics, is none, and a
// listener of the same file is looked at by itself.
func (l *linter) forwards(m *manager) bool {
	for _, at := range m.unread {
		l.report("routes-elsewhere", at, "the routes are not in this file")
	}
	return len(m.unread) > 0 || m.ownEnd() || slices.ContainsFunc(m.hops(), l.toApplication)
}

// ownEnd reports whether a chain ends with another filter than the router, which may
// forward requests by itself.
func (m *manager) ownEnd() bool {
	return slices.ContainsFunc(m.chains, func(c *chain) bool {
		if len(c.filters) == 0 {
			return false
		}
		last := c.filters[len(c.filters)-1]
		return !last.is(routerType) && (last.kind != "" || last.absent) // Envoy does not start with one without a type
	})
}

// isAdmin reports whether a cluster is Envoy's own admin interface.
func (l *linter) isAdmin(name string) bool {
	own := l.admin.get("address", "socket_address")
	endpoints := l.endpoints(name)
	return own.there() && len(endpoints) > 0 && !slices.ContainsFunc(endpoints, func(address *value) bool {
		socket := address.get("socket_address")
		host, adminHost := socket.get("address").text, own.get("address").text
		anyHost := adminHost == "0.0.0.0" || adminHost == "::"
		return socket.get("port_value").text != own.get("port_value").text || !sameHost(host, adminHost) && !(anyHost && loopback(host))
	})
}

// endpoints are the addresses of a cluster, as far as the file has them and Envoy
// uses them.
func (l *linter) endpoints(name string) []*value {
	cluster := l.clusterOf(name)
	assignment := cluster.get("load_assignment")
	kind, _ := cluster.extension()
	switch discovered := cluster.get("type"); {
	case kind != "" && short(kind) != "DnsCluster", kind == "" && cluster.get("cluster_type").there():
		return nil // of clusters of its own making
	case kind == "" && discovered.either("EDS"):
		assignment = &value{}
		if found, ok := l.assignments[cmp.Or(cluster.get("eds_cluster_config", "service_name").text, name)]; ok {
			assignment = found
		}
	case kind == "" && !discovered.either("STATIC", "STRICT_DNS", "LOGICAL_DNS"):
		return nil
	}
	var all []*value
	for _, locality := range assignment.get("endpoints").items {
		for _, one := range locality.get("lb_endpoints").items {
			all = append(all, one.get("endpoint", "address"))
			for _, more := range one.get("endpoint", "additional_addresses").items {
				all = append(all, more.get("address"))
			}
		}
	}
	return all
}

// routeSetting is what a level says of a filter. The zero value of a field is one
// that it does not say.
type routeSetting struct {
	message *value // of the filter's own type
	off     *value // where it is switched off
	on      bool   // it is switched on, or has a configuration, which does the same
	there   bool   // it says something
}

// setting is what a level says of a filter.
func setting(level *value, filter string) routeSetting {
	entry := level.get("typed_per_filter_config").exactly(filter)
	name, message := entry.typed()
	said := routeSetting{message: message, off: &value{}, on: entry.there(), there: entry.there()}
	if name != filterConfigType {
		return said
	}
	said.message = &value{}
	if disabled := message.get("disabled"); disabled.is() {
		said.off, said.on = disabled, false
	}
	if inner := message.get("config"); inner.there() {
		_, said.message = inner.typed()
	}
	return said
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
func (l *linter) asked(c *chain) {
	if len(c.unread) > 0 && len(c.gate) == 1 {
		if f := c.filters[c.gate[0]]; f.disabled {
			l.report("ext-authz-disabled", f.entry.get("disabled"), "the filter is off wherever a route does not switch it on")
		}
	}
	for _, h := range c.hops() {
		if !l.toApplication(h) {
			continue
		}
		asked := false
		off := h.part
		for _, i := range c.gate {
			on, where := c.filters[i].on(h)
			asked = asked || on
			if where != nil {
				off = where
			}
		}
		if !asked {
			l.report("ext-authz-disabled", off, "ext_authz is off for the route %s", h.name())
		}
		for _, level := range h.levels {
			l.checkSettings(c, level)
		}
		l.letterCase(c, h)
		l.tunnel(h)
		l.clientsPath(h)
		l.pool(h)
	}
}

// tunnel looks for a route that turns a CONNECT request into a connection of its
// own, in which a client writes what it likes after the one check.
func (l *linter) tunnel(h hop) {
	for _, upgrade := range h.route.get("route", "upgrade_configs").items {
		if at := upgrade.get("connect_config"); at.there() {
			l.report("tcp-bypass", at, "after one check the bytes of a CONNECT tunnel are forwarded to %s, unchecked", h.cluster())
		}
	}
}

// pool looks for a cluster that is sent the bodies of requests as they are, and not as
// HTTP.
func (l *linter) pool(h hop) {
	for _, name := range append(l.partsOfCluster(h.cluster()), h.cluster()) {
		config := l.clusterOf(name).get("upstream_config")
		kind, _ := config.get("typed_config").typed()
		if config.there() && !strings.Contains(kind, ".upstreams.http.http.") && !strings.Contains(kind, ".upstreams.http.generic.") {
			l.report("tcp-bypass", config, "the bodies of requests are forwarded to %s as they are, unchecked", name)
		}
	}
}

// clientsPath looks for a route that takes the path or the host that the application
// gets from a header, which the gate did not check.
func (l *linter) clientsPath(h hop) {
	action := h.route.get("route")
	for _, name := range []string{"path_rewrite", "host_rewrite"} {
		if at := action.get(name); strings.Contains(at.text, "%REQ") {
			l.report("rewritten-by-client", at, "%s takes what a client writes into a header", name)
		}
	}
	if at := action.get("cluster_header"); at.there() {
		l.report("rewritten-by-client", at, "the cluster is what a client writes into %s", at.text)
	}
	cluster := l.clusterOf(h.cluster())
	if kind, _ := cluster.extension(); strings.Contains(kind, ".dynamic_forward_proxy.") || cluster.get("original_dst_lb_config", "use_http_header").is() {
		l.report("rewritten-by-client", h.target(), "a client chooses the address that the cluster %s leads to", h.cluster())
	}
	if at := action.get("host_rewrite_header"); at.there() {
		l.report("rewritten-by-client", at, "the host that the application gets is what a client writes into %s", at.text)
	}
}

// letterCase looks at a route that names a route of the gate's and is chosen by
// the letter case of a path. The gate then reads the path in no other way.
func (l *linter) letterCase(c *chain, h hop) {
	if l.gate.CaseSensitive {
		return
	}
	match := h.route.get("match")
	if at := match.get("case_sensitive"); at.there() && !at.is() {
		return
	}
	names := false
	for _, i := range c.gate {
		for _, level := range h.levels[:len(h.levels)-2] { // the virtual host's own are for every path
			names = names || setting(level, c.filters[i].name).checks().get("context_extensions").exactly("jwtgate.route").there()
		}
	}
	for _, kind := range pathMatches() {
		if at := match.get(kind); names && strings.ToUpper(at.text) != strings.ToLower(at.text) {
			l.report("named-route-case", at, "%s in another letter case takes another route", at.text)
		}
	}
}

// checks are the settings of ext_authz for a route.
func (s routeSetting) checks() *value {
	if !s.message.isMessage(perRouteType) {
		return &value{}
	}
	return s.message.get("check_settings")
}

// on reports whether a filter runs on a hop; where says what switched it off. Two
// settings count, each where it stands at the most specific level: whether the
// filter is in the chain (FilterConfig), and whether ext_authz asks
// (ExtAuthzPerRoute).
func (f filter) on(h hop) (on bool, where *value) {
	inChain, decided := !f.disabled, false
	for _, level := range h.levels {
		said := setting(level, f.name)
		if off := said.off; !decided && off.there() {
			return false, off
		}
		if said.on && !decided {
			inChain, decided = true, true
		}
		if said.message.isMessage(perRouteType) {
			if off := said.message.get("disabled"); off.is() {
				return false, off
			}
			break
		}
	}
	return inChain, nil // if it is not, at the route, which could switch it on
}

// asks reports whether the gate is asked about the requests of a hop, whichever chain
// of filters they take.
func (m *manager) asks(h hop) bool {
	return !slices.ContainsFunc(m.chains, func(c *chain) bool {
		return !slices.ContainsFunc(c.gate, func(i int) bool { on, _ := c.filters[i].on(h); return on })
	})
}

// pathMatches are the matches of a route that hold a path as it is written.
func pathMatches() []string { return []string{"path", "prefix", "path_separated_prefix"} }

// name is how a route is known to its author.
func (h hop) name() string {
	route := h.route
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
func (l *linter) checkSettings(c *chain, level *value) {
	for _, i := range c.gate {
		f := c.filters[i]
		settings := setting(level, f.name).checks()
		for _, kind := range []string{"grpc_service", "http_service"} {
			if other := settings.get(kind); other.there() && !slices.ContainsFunc(f.inside(extAuthzType), func(own *value) bool { return target(own.get("grpc_service")) == target(other) }) {
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
	ways := [][]string{{"envoy_grpc", "cluster_name"}, {"google_grpc", "target_uri"}}
	if service.isMessage("envoy.extensions.filters.http.ext_authz.v3.HttpService") {
		ways = [][]string{{"server_uri", "cluster"}}
	}
	for _, at := range ways {
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
		for _, c := range m.chains {
			for _, f := range c.filters {
				signed = signed || l.signed(f)
			}
		}
	}
	var names []*value
	for _, m := range managers {
		for _, c := range m.chains {
			byPort := slices.ContainsFunc(c.filters, func(f filter) bool { return slices.ContainsFunc(f.inside(extAuthzType), l.asksPort) })
			for i, f := range c.filters {
				if byPort && !slices.ContainsFunc(f.inside(extAuthzType), l.asksPort) {
					continue // a name alone is a weaker sign
				}
				asks := f.inside(extAuthzType)
				if !f.asksAlways() || signed && !l.signed(f) {
					continue
				}
				c.gate = append(c.gate, i)
				for _, settings := range asks {
					name := settings.get("grpc_service", "envoy_grpc", "cluster_name")
					if name.there() && !slices.ContainsFunc(names, func(one *value) bool { return one.text == name.text }) {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names
}

// asksAlways reports whether a filter asks some server, whichever of its
// configurations it runs.
func (f filter) asksAlways() bool {
	asks := len(f.settings.messages(extAuthzType)) > 0
	return asks && (f.fallback == nil || len(f.fallback.messages(extAuthzType)) > 0)
}

// signed reports whether a filter is ext_authz and shows that it asks the gate.
func (l *linter) signed(f filter) bool {
	return slices.ContainsFunc(f.inside(extAuthzType), func(settings *value) bool {
		cluster := settings.get("grpc_service", "envoy_grpc", "cluster_name").text
		for _, name := range []string{
			f.name, settings.get("stat_prefix").text, cluster,
			target(settings.get("grpc_service")), target(settings.get("http_service")),
		} {
			if strings.Contains(strings.ToLower(name), "jwtgate") {
				return true
			}
		}
		return l.asksPort(settings)
	})
}

// asksPort reports whether the settings of ext_authz ask a cluster that has the port
// which the gate listens on.
func (l *linter) asksPort(settings *value) bool {
	return slices.ContainsFunc(l.endpoints(settings.get("grpc_service", "envoy_grpc", "cluster_name").text), func(address *value) bool {
		return l.gate.Port != "" && address.get("socket_address", "port_value").text == l.gate.Port
	})
}
