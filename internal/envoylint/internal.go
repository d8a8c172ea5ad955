package envoylint

import "slices"

// inside returns the listeners of the file that a cluster leads to without a
// network; ok is false for a cluster that leads elsewhere, or that may.
func (l *linter) inside(cluster string) (listeners []*value, ok bool) {
	for _, address := range l.endpoints(cluster) {
		name := address.get("envoy_internal_address", "server_listener_name")
		i := slices.IndexFunc(l.listeners, func(listener *value) bool {
			return name.there() && listener.get("name").text == name.text && !l.sidecarOutbound(listener)
		})
		if i < 0 {
			return nil, false
		}
		listeners = append(listeners, l.listeners[i])
	}
	return listeners, len(listeners) > 0
}

// toApplication reports whether a hop leads to an application, as far as is known.
// A listener of the file that asks the gate itself is none: it is looked at by
// itself.
func (l *linter) toApplication(h hop) bool {
	if l.isAdmin(h.cluster()) {
		return false
	}
	listeners, ok := l.inside(h.cluster())
	return !ok || slices.ContainsFunc(listeners, func(listener *value) bool { return !l.asksItself(listener) })
}

// asksItself reports whether all that comes into a listener is HTTP and asked about.
func (l *linter) asksItself(listener *value) bool {
	managers := l.managers[listener]
	return len(managers) > 0 && len(bytesTo(listener)) == 0 && !slices.ContainsFunc(managers, func(m *manager) bool {
		return slices.ContainsFunc(m.chains, func(c *chain) bool { return len(c.gate) == 0 })
	})
}

// behindOthers reports whether all that comes into a listener has come through
// connection managers of the file, each of which has to ask the gate.
func (l *linter) behindOthers(listener *value) bool {
	if !listener.get("internal_listener").there() {
		return false
	}
	leadsHere := func(cluster string) bool {
		listeners, _ := l.inside(cluster)
		return slices.Contains(listeners, listener)
	}
	byHTTP := false
	for _, other := range l.listeners {
		if slices.ContainsFunc(bytesTo(other), func(to *value) bool { return leadsHere(to.text) }) {
			return false
		}
		for _, m := range l.managers[other] {
			byHTTP = byHTTP || slices.ContainsFunc(m.hops(), func(h hop) bool { return leadsHere(h.cluster()) })
		}
	}
	return byHTTP
}

// bytesTo are the names of clusters to which a listener forwards what it does not
// read as HTTP.
func bytesTo(listener *value) []*value {
	var all []*value
	listener.walk(func(v *value) bool {
		if v.namesCluster() {
			all = append(all, v)
		}
		return !v.isMessage(managerType) && !v.isMessage(accessLogType)
	})
	return all
}

// destinations are the clusters outside of the file's own listeners that a cluster
// leads to: by bytes, and where http is set also by routes.
func (l *linter) destinations(cluster string, http bool, visited []string) []string {
	listeners, ok := l.inside(cluster)
	if !ok || slices.Contains(visited, cluster) {
		return []string{cluster}
	}
	visited = append(visited, cluster)
	var all []string
	for _, listener := range listeners {
		for _, to := range bytesTo(listener) {
			all = append(all, l.destinations(to.text, http, visited)...)
		}
		if !http {
			continue
		}
		for _, m := range l.managers[listener] {
			for _, h := range m.hops() {
				all = append(all, l.destinations(h.cluster(), http, visited)...)
			}
		}
	}
	return all
}
