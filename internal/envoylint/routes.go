package envoylint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// hop is one route that forwards requests, to one cluster.
type hop struct {
	route  *value
	part   *value   // the route, or the part of a weighted cluster
	levels []*value // with settings of filters, the most specific first
}

// hops returns the routes of a connection manager that forward requests, which
// redirects and direct responses do not.
func (m *manager) hops() []hop {
	if m.hopsKnown {
		return m.known
	}
	m.hopsKnown = true
	m.eachRoute(func(route, host, config *value) { m.known = append(m.known, hopsOf(route, host, config)...) })
	return m.known
}

// places returns the hops and the routes that forward nothing.
func (m *manager) places() []hop {
	if m.placesKnown {
		return m.knownPlaces
	}
	m.placesKnown = true
	m.knownPlaces = slices.Clone(m.hops())
	m.eachRoute(func(route, host, config *value) {
		m.knownPlaces = append(m.knownPlaces, hop{route, route, []*value{route, host, config}})
	})
	return m.knownPlaces
}

// eachRoute calls f with each route, its virtual host and its route configuration.
func (m *manager) eachRoute(f func(route, host, config *value)) {
	for _, config := range m.routes {
		for _, host := range config.get("virtual_hosts").items {
			for _, route := range routesOf(host) {
				f(route, host, config)
			}
		}
	}
}

// routesOf returns the routes of a virtual host, from its list and from its matcher.
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

// target is the value that names the cluster of a hop; missing if a header or a plugin
// chooses the cluster.
func (h hop) target() *value {
	if h.part != h.route {
		return h.part.get("name")
	}
	return h.route.get("route", "cluster")
}

// cluster is the name of the cluster of a hop; empty if it is unknown.
func (h hop) cluster() string { return h.target().text }

// forwards reports whether a connection manager forwards requests to an application.
// If its routes are not in the file, it may. Envoy's own admin interface, which
// platforms expose by a listener for metrics, is not an application, nor is a
// listener of the same file, which has its own check.
func (l *linter) forwards(m *manager) bool {
	for _, at := range m.unread {
		l.report("routes-elsewhere", at, "the routes are not in this file")
	}
	return len(m.unread) > 0 || m.endsWithoutRouter() || slices.ContainsFunc(m.hops(), l.toApplication)
}

// endsWithoutRouter reports whether a chain ends with another filter than the router,
// which may forward requests itself.
func (m *manager) endsWithoutRouter() bool {
	return slices.ContainsFunc(m.chains, func(c *chain) bool {
		if len(c.filters) == 0 {
			return false
		}
		last := c.filters[len(c.filters)-1]
		return !last.is(routerType) && (last.kind != "" || last.absent) // Envoy does not start if it has no type
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
		same := sameHost(host, adminHost) || anyHost && config.LoopbackHost(host)
		return !same || socket.get("port_value").text != own.get("port_value").text
	})
}

// endpoints returns the addresses of a cluster that are in the file and that Envoy uses.
func (r *resources) endpoints(name string) []*value {
	cluster := r.clusterOf(name)
	assignment := cluster.get("load_assignment")
	kind, _ := cluster.extension()
	switch discovered := cluster.get("type"); {
	case kind != "" && short(kind) != "DnsCluster", kind == "" && cluster.get("cluster_type").there():
		return nil // an extension makes the addresses
	case kind == "" && discovered.either("EDS"):
		assignment = &value{}
		if found, ok := r.assignments[cmp.Or(cluster.get("eds_cluster_config", "service_name").text, name)]; ok {
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

// routeSetting is a level's setting of a filter.
type routeSetting struct {
	message *value // of the filter's own type
	off     *value // what disables the filter
	on      bool   // the filter is enabled, explicitly or by a configuration
	exists  bool   // the level has a setting
}

// setting returns a level's setting of a filter.
func setting(level *value, filter string) routeSetting {
	entry := level.get("typed_per_filter_config").entry(filter)
	name, message := entry.typed()
	said := routeSetting{message: message, off: &value{}, on: entry.there(), exists: entry.there()}
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

// hopsOfChain checks how a chain treats the requests of each route.
func (l *linter) hopsOfChain(c *chain) {
	if len(c.unread) > 0 && len(c.gate) == 1 {
		if f := c.filters[c.gate[0]]; f.disabled {
			l.report("ext-authz-disabled", f.entry.get("disabled"), "the filter is off unless a route enables it")
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
		l.clientRewrites(h)
		l.upstreamPool(h)
		l.keepAlive(h)
	}
}

// tunnel reports a route that turns a CONNECT request into a connection of its own,
// whose bytes nothing checks.
func (l *linter) tunnel(h hop) {
	for _, upgrade := range h.route.get("route", "upgrade_configs").items {
		if at := upgrade.get("connect_config"); at.there() {
			l.report("tcp-bypass", at, "Envoy forwards the bytes of a CONNECT tunnel to %s, unchecked after the CONNECT request", h.cluster())
		}
	}
}

// upstreamPool reports a cluster that gets the bodies of requests as raw bytes, and not
// as HTTP.
func (l *linter) upstreamPool(h hop) {
	for _, name := range append(l.partsOfCluster(h.cluster()), h.cluster()) {
		config := l.clusterOf(name).get("upstream_config")
		kind, _ := config.get("typed_config").typed()
		if config.there() && !strings.Contains(kind, ".upstreams.http.http.") && !strings.Contains(kind, ".upstreams.http.generic.") {
			l.report("tcp-bypass", config, "Envoy forwards the bodies of requests to %s as raw bytes, unchecked", name)
		}
	}
}

// clientRewrites reports a route that takes the application's path, host or address from
// a header, which the gate did not check.
func (l *linter) clientRewrites(h hop) {
	action := h.route.get("route")
	for _, name := range []string{"path_rewrite", "host_rewrite"} {
		if at := action.get(name); strings.Contains(at.text, "%REQ") {
			l.report("rewritten-by-client", at, "%s takes the value of a client's header", name)
		}
	}
	if at := action.get("cluster_header"); at.there() {
		l.report("rewritten-by-client", at, "the cluster is the value of a client's header %s", at.text)
	}
	cluster := l.clusterOf(h.cluster())
	if kind,
		_ := cluster.extension(); strings.Contains(kind, ".dynamic_forward_proxy.") ||
		cluster.get("original_dst_lb_config", "use_http_header").is() {
		l.report("rewritten-by-client", h.target(), "a client chooses the address of the cluster %s", h.cluster())
	}
	if at := action.get("host_rewrite_header"); at.there() {
		l.report("rewritten-by-client", at, "the application's host is the value of a client's header %s", at.text)
	}
}

// letterCase reports a route that names one of the gate's routes and matches the path
// with its letter case: the gate then considers no other spelling of the path.
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
		for _, level := range h.levels[:len(h.levels)-2] { // the virtual host's apply to every path
			names = names || setting(level, c.filters[i].name).checks().get("context_extensions").entry("jwtgate.route").there()
		}
	}
	for _, kind := range pathMatches() {
		if at := match.get(kind); names && strings.ToUpper(at.text) != strings.ToLower(at.text) {
			l.report("named-route-case", at, "%s in another letter case does not match this route", at.text)
		}
	}
}

// checks returns the settings of ext_authz for a route.
func (s routeSetting) checks() *value {
	if !s.message.isMessage(perRouteType) {
		return &value{}
	}
	return s.message.get("check_settings")
}

// on reports whether a filter runs on a hop; off is what disabled it. Two settings
// count, each at the most specific level that has it: whether the filter is in the
// chain (FilterConfig), and whether ext_authz is disabled (ExtAuthzPerRoute).
func (f filter) on(h hop) (on bool, off *value) {
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
	return inChain, nil // if it is not, the place is the route, which could enable it
}

// asks reports whether Envoy calls the gate for the requests of a hop, in every chain of
// filters.
func (m *manager) asks(h hop) bool {
	return !slices.ContainsFunc(m.chains, func(c *chain) bool {
		return !slices.ContainsFunc(c.gate, func(i int) bool { on, _ := c.filters[i].on(h); return on })
	})
}

// pathMatches returns the fields of a route's match that contain a literal path.
func pathMatches() []string { return []string{"path", "prefix", "path_separated_prefix"} }

// name describes a route for its author.
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

// redacted is what Envoy writes into a dump instead of values that may be secret.
const redacted = "[redacted]"

// checkSettings checks what a level sends to the gate, and which server it calls.
func (l *linter) checkSettings(c *chain, level *value) {
	for _, i := range c.gate {
		f := c.filters[i]
		settings := setting(level, f.name).checks()
		for _, kind := range []string{"grpc_service", "http_service"} {
			other := settings.get(kind)
			isGate := func(own *value) bool { return target(own.get("grpc_service")) == target(other) }
			if other.there() && !slices.ContainsFunc(f.inside(extAuthzType), isGate) {
				l.report("other-server", other, "Envoy calls %s instead of the gate", target(other))
			}
		}
		for _, one := range settings.get("context_extensions").fields {
			switch {
			case one.text == redacted:
			case one.name == "jwtgate.route" && !slices.Contains(l.gate.Routes, one.text):
				l.report("route-unknown", one.value, "jwtgate.route names %q, which is not a route of jwtgate.yaml", one.text)
			case one.name != "jwtgate.route" && strings.HasPrefix(one.name, "jwtgate."):
				l.report("route-unknown", one.value, "unknown key %q; expected jwtgate.route", one.name)
			}
		}
	}
}

// target names the server that a service calls.
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
	return "no server"
}

// gateFilters finds the filters that call the gate, and returns the names of the
// clusters that they call, each once. If ext_authz filters call several servers, the
// gate's are those whose cluster, name or statistics contain its name, or whose port it
// listens on; without such a sign, every ext_authz filter is the gate's.
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
			callsPort := func(f filter) bool { return slices.ContainsFunc(f.inside(extAuthzType), l.callsPort) }
			byPort := slices.ContainsFunc(c.filters, callsPort) // a stronger sign than a name
			for i, f := range c.filters {
				if byPort && !callsPort(f) || !f.alwaysCalls() || signed && !l.signed(f) {
					continue
				}
				c.gate = append(c.gate, i)
				for _, settings := range f.inside(extAuthzType) {
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

// alwaysCalls reports whether a filter calls a server in each of its configurations.
func (f filter) alwaysCalls() bool {
	asks := len(f.settings.messages(extAuthzType)) > 0
	return asks && (f.fallback == nil || len(f.fallback.messages(extAuthzType)) > 0)
}

// signed reports whether a filter is ext_authz and has a sign that it calls the gate.
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
		return l.callsPort(settings)
	})
}

// callsPort reports whether the settings of ext_authz name a cluster with the port that
// the gate listens on.
func (l *linter) callsPort(settings *value) bool {
	name := settings.get("grpc_service", "envoy_grpc", "cluster_name").text
	return slices.ContainsFunc(l.endpoints(name), func(address *value) bool {
		return l.gate.Port != "" && address.get("socket_address", "port_value").text == l.gate.Port
	})
}
