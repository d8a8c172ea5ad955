package envoylint

import "slices"

// inside returns the listeners of the file that a cluster leads to without a
// network; ok is false for a cluster that leads elsewhere, or that may.
func (l *linter) inside(cluster string) (listeners []*value, ok bool) {
	for _, address := range l.endpoints(cluster) {
		name := address.get("envoy_internal_address", "server_listener_name")
		named := l.byName[name.text]
		if !name.there() || len(named) == 0 {
			return nil, false
		}
		listeners = append(listeners, named...)
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
// connection managers of the file that have asked the gate.
func (l *linter) behindOthers(listener *value) bool {
	if !listener.get("internal_listener").there() {
		return false
	}
	if l.ways == nil {
		l.findWays()
	}
	found := l.ways[listener]
	return found.asked && !found.unasked
}

// ways are how requests come into a listener of the file from others.
type ways struct{ asked, unasked bool }

// findWays finds the ways into all listeners, once.
func (l *linter) findWays() {
	l.ways = map[*value]ways{}
	note := func(cluster string, asked bool) {
		for _, listener := range l.leadsTo(cluster, map[string]bool{}) {
			found := l.ways[listener]
			l.ways[listener] = ways{found.asked || asked, found.unasked || !asked}
		}
	}
	for _, listener := range l.listeners {
		for _, to := range l.bytesFrom(listener) {
			note(to.cluster, false)
		}
		for _, m := range l.managers[listener] {
			for _, h := range m.hops() {
				note(h.cluster(), m.asks(h))
			}
		}
	}
}

// leadsTo returns the listeners of the file to which some part of a cluster leads.
func (l *linter) leadsTo(cluster string, visited map[string]bool) []*value {
	if visited[cluster] {
		return nil
	}
	visited[cluster] = true
	var all []*value
	for _, address := range l.endpoints(cluster) {
		if name := address.get("envoy_internal_address", "server_listener_name"); name.there() {
			all = append(all, l.byName[name.text]...)
		}
	}
	for _, part := range l.partsOfCluster(cluster) {
		all = append(all, l.leadsTo(part, visited)...)
	}
	return all
}

// destinations are the clusters outside of the file's own listeners that a cluster
// leads to: by bytes, and where http is set also by routes. A cluster that is made
// of others leads to those.
func (l *linter) destinations(cluster string, http bool, visited map[string]bool) []string {
	if visited[cluster] {
		return nil
	}
	visited[cluster] = true
	listeners, ok := l.inside(cluster)
	parts := l.partsOfCluster(cluster)
	if !ok && len(parts) == 0 {
		return []string{cluster}
	}
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

// partsOfCluster are the names of the clusters that an aggregate or a composite
// cluster is made of.
func (l *linter) partsOfCluster(name string) []string {
	var names []string
	if _, kind := l.clusterOf(name).extension(); kind.has("clusters") {
		kind.get("clusters").scalars(func(text string, at *value) {
			if at.kind == scalar && at.text == text {
				names = append(names, text)
			}
		})
	}
	return names
}
