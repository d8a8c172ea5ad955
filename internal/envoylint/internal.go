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
	return len(managers) > 0 && len(l.bytesFrom(listener)) == 0 && !slices.ContainsFunc(managers, func(m *manager) bool {
		return slices.ContainsFunc(m.chains, func(c *chain) bool { return len(c.gate) == 0 })
	})
}

// behindOthers reports whether all that comes into a listener has come through
// connection managers of the file, each of which has to ask the gate.
func (l *linter) behindOthers(listener *value) bool {
	if !listener.get("internal_listener").there() {
		return false
	}
	leadsHere := func(cluster string) bool { return l.leadsTo(cluster, listener, nil) }
	asked := func(m *manager, h hop) bool {
		return !slices.ContainsFunc(m.chains, func(c *chain) bool {
			return !slices.ContainsFunc(c.gate, func(i int) bool { on, _ := c.filters[i].on(h); return on })
		})
	}
	byHTTP := false
	for _, other := range l.listeners {
		if slices.ContainsFunc(l.bytesFrom(other), func(to destination) bool { return leadsHere(to.cluster) }) {
			return false
		}
		for _, m := range l.managers[other] {
			for _, h := range m.hops() {
				if !leadsHere(h.cluster()) {
					continue
				}
				if !asked(m, h) {
					return false // this listener has to ask by itself
				}
				byHTTP = true
			}
		}
	}
	return byHTTP
}

// destinations are the clusters outside of the file's own listeners that a cluster
// leads to: by bytes, and where http is set also by routes. A cluster that is made
// of others leads to those.
func (l *linter) destinations(cluster string, http bool, visited []string) []string {
	listeners, ok := l.inside(cluster)
	parts := l.partsOfCluster(cluster)
	if !ok && len(parts) == 0 || slices.Contains(visited, cluster) {
		return []string{cluster}
	}
	visited = append(visited, cluster)
	var all []string
	for _, part := range parts {
		all = append(all, l.destinations(part, http, visited)...)
	}
	for _, listener := range listeners {
		for _, to := range l.bytesFrom(listener) {
			all = append(all, l.destinations(to.cluster, http, visited)...)
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

// leadsTo reports whether some part of a cluster leads to a listener of the file.
func (l *linter) leadsTo(cluster string, listener *value, visited []string) bool {
	if slices.Contains(visited, cluster) {
		return false
	}
	for _, address := range l.endpoints(cluster) {
		if name := address.get("envoy_internal_address", "server_listener_name"); name.there() && name.text == listener.get("name").text {
			return true
		}
	}
	return slices.ContainsFunc(l.partsOfCluster(cluster), func(part string) bool {
		return l.leadsTo(part, listener, append(visited, cluster))
	})
}

// partsOfCluster are the names of the clusters that an aggregate or a composite
// cluster is made of.
func (l *linter) partsOfCluster(name string) []string {
	cluster, ok := l.clusters[name]
	if !ok {
		return nil
	}
	var names []string
	if _, kind := cluster.get("cluster_type", "typed_config").typed(); kind.has("clusters") {
		kind.get("clusters").scalars(func(text string, at *value) {
			if at.kind == scalar && at.text == text {
				names = append(names, text)
			}
		})
	}
	return names
}
