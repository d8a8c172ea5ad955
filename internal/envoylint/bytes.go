package envoylint

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// destination is a cluster to which a listener forwards raw bytes, without reading them
// as HTTP.
type destination struct {
	at      *value // the setting that names it
	cluster string // empty if the setting does not name it
}

// bytesFrom returns the destinations of a listener.
func (l *linter) bytesFrom(listener *value) []destination {
	if known, ok := l.bytes[listener]; ok {
		return known
	}
	var all []destination
	for _, part := range l.partsOf(listener) {
		part.walk(func(v *value) bool {
			switch {
			case v.namesCluster():
				all = append(all, destination{v, v.text})
			case v.isMessage(filterStateType) && v.get("object_key").text == "envoy.tcp_proxy.cluster":
				at := v.get("format_string", "text_format_source", "inline_string")
				all = append(all, destination{at, at.text})
			case clientChooses(v):
				all = append(all, destination{at: v})
			}
			return !v.isMessage(managerType) && !v.isMessage(accessLogType)
		})
	}
	l.bytes[listener] = all
	return all
}

// clientChooses reports whether a value configures a filter whose destination the client
// chooses or Envoy fetches.
func clientChooses(v *value) bool {
	return v.message != nil && (slices.Contains([]protoreflect.FullName{
		"envoy.extensions.filters.network.sni_cluster.v3.SniCluster",
		"envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig",
		"envoy.extensions.filters.udp.udp_proxy.session.dynamic_forward_proxy.v3.FilterConfig",
	}, v.message.FullName()) || v.has("generic_rds", "trds", "drds"))
}

// anywhere reports whether a destination may be any address: the connection's original
// destination, or one that the client names.
func (l *linter) anywhere(to destination) bool {
	if to.cluster == "" || strings.Contains(to.cluster, "%") {
		return true
	}
	cluster := l.clusterOf(to.cluster)
	kind, _ := cluster.extension()
	return cluster.get("type").either("ORIGINAL_DST") && cluster.get("type").there() || strings.Contains(kind, ".dynamic_forward_proxy.") ||
		strings.Contains(kind, ".original_dst.")
}

// namesCluster reports whether a value is the name of the cluster to which a network
// filter forwards.
func (v *value) namesCluster() bool {
	if v.kind != scalar || v.field == nil {
		return false
	}
	weighted := v.field.Name() == "name" && v.field.Parent().Name() == "ClusterWeight"
	return v.field.Name() == "cluster" || weighted
}

// bypasses reports listeners that forward raw bytes to an application. If no route leads
// to an application, any cluster may be one.
func (l *linter) bypasses(listeners []*value, managers []*manager) {
	applications := map[string]bool{} // :: name or address
	for _, m := range managers {
		for _, h := range m.hops() {
			if h.cluster() == "" || l.isAdmin(h.cluster()) {
				continue
			}
			for _, name := range l.destinations(h.cluster(), true, map[string]bool{}) {
				applications[name] = true
				for _, address := range l.addresses(name) {
					applications[address] = true
				}
			}
		}
	}
	for _, m := range managers {
		l.sideCalls(m, applications)
	}
	isApplication := func(nameOrAddress string) bool { return applications[nameOrAddress] }
	reachesOne := func(name string) bool {
		return len(applications) == 0 || applications[name] || slices.ContainsFunc(l.addresses(name), isApplication)
	}
	for _, listener := range listeners {
		if listener.get("internal_listener").there() {
			continue // the check is on the clusters that lead there
		}
		for _, to := range l.bytesFrom(listener) {
			ends := l.destinations(to.cluster, false, map[string]bool{})
			switch {
			case l.platform == Istio && strings.HasPrefix(to.cluster, "InboundPassthroughCluster"):
				l.report("tcp-unchecked", to.at, "Envoy forwards raw bytes to ports that no Service names")
			case l.anywhere(to):
				l.report("tcp-bypass", to.at, "Envoy forwards raw bytes to any address that the client names, unchecked")
			case l.gates[to.cluster], len(ends) == 0: // a listener of the file reads them as HTTP
			case slices.ContainsFunc(ends, reachesOne):
				l.report("tcp-bypass", to.at, "Envoy forwards raw bytes to %s, unchecked", to.cluster)
			case slices.ContainsFunc(ends, func(name string) bool { return len(l.addresses(name)) == 0 }):
				l.reportFix("not-read", to.at, "lint a dump with the endpoints (/config_dump?include_eds), "+
					"or make sure that no application there trusts identity headers",
					"Envoy forwards raw bytes to %s, whose addresses are not in this file", to.cluster)
			default:
				l.report("tcp-unchecked", to.at, "Envoy forwards raw bytes to %s, to which no route leads", to.cluster)
			}
		}
	}
}

// sideCalls reports filters before the gate that call an application themselves, with
// data from a client.
func (l *linter) sideCalls(m *manager, applications map[string]bool) {
	for _, c := range m.chains {
		before := len(c.filters)
		if len(c.gate) > 0 {
			before = c.gate[0]
		}
		for _, f := range c.filters[:before] {
			f.settings.walk(func(v *value) bool {
				calls := v.kind == scalar && isField(v, "cluster", "cluster_name")
				if calls && slices.ContainsFunc(append(l.addresses(v.text), v.text), func(to string) bool { return applications[to] }) {
					l.report("filter-calls-application", v, "%s calls %s before Envoy calls the gate", f.name, v.text)
				}
				return true
			})
		}
	}
}
