package envoylint

import "slices"

// internalListeners returns the listeners of the file to which a cluster leads inside
// Envoy; ok is false for a cluster that leads, or may lead, elsewhere.
func (l *linter) internalListeners(cluster string) (listeners []*value, ok bool) {
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

// toApplication reports whether a hop may lead to an application. A listener of the file
// that calls the gate itself is not an application: it has its own check.
func (l *linter) toApplication(h hop) bool {
	if l.isAdmin(h.cluster()) {
		return false
	}
	listeners, ok := l.internalListeners(h.cluster())
	return !ok || slices.ContainsFunc(listeners, func(listener *value) bool { return !l.checksAll(listener) })
}

// checksAll reports whether a listener accepts only HTTP and all its chains call the
// gate.
func (l *linter) checksAll(listener *value) bool {
	managers := l.managers[listener]
	return len(managers) > 0 && len(l.bytesFrom(listener)) == 0 && !slices.ContainsFunc(managers, func(m *manager) bool {
		return slices.ContainsFunc(m.chains, func(c *chain) bool { return len(c.gate) == 0 })
	})
}

// alreadyChecked reports whether all requests of a listener come from connection
// managers of the file that have called the gate.
func (l *linter) alreadyChecked(listener *value) bool {
	if !listener.get("internal_listener").there() {
		return false
	}
	if l.entries == nil {
		l.findEntries()
	}
	found := l.entries[listener]
	return found.checked && !found.unchecked
}

// entries says whether checked and unchecked requests enter a listener from others.
type entries struct{ checked, unchecked bool }

// findEntries finds the entries of all listeners.
func (l *linter) findEntries() {
	l.entries = map[*value]entries{}
	add := func(cluster string, checked bool) {
		for _, listener := range l.leadsTo(cluster, map[string]bool{}) {
			found := l.entries[listener]
			l.entries[listener] = entries{found.checked || checked, found.unchecked || !checked}
		}
	}
	for _, listener := range l.listeners {
		for _, to := range l.bytesFrom(listener) {
			add(to.cluster, false)
		}
		for _, m := range l.managers[listener] {
			for _, h := range m.hops() {
				add(h.cluster(), m.asks(h))
			}
		}
	}
}

// leadsTo returns the listeners of the file to which a part of a cluster leads.
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

// destinations returns the clusters to which a cluster leads, through the file's own
// listeners: by raw bytes, and if http is set also by routes. A cluster that consists of
// others leads to those.
func (l *linter) destinations(cluster string, http bool, visited map[string]bool) []string {
	if visited[cluster] {
		return nil
	}
	visited[cluster] = true
	listeners, ok := l.internalListeners(cluster)
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

// partsOfCluster returns the names of the clusters in an aggregate or composite cluster.
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
