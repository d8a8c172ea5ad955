package envoylint

import (
	"maps"
	"slices"
)

// trailers reports identity and override names that clients can put into the trailers of
// a request, which the gate never sees.
func (l *linter) trailers(c *chain) {
	for _, h := range c.hops() {
		name := h.cluster()
		if _, ok := l.clusters[name]; !ok && name != "" {
			if l.bootstrapRead && !l.dump && !l.fetchesClusters {
				l.report("cluster-missing", h.target(), "the cluster %s is not in this file, which fetches no clusters", name)
			} else {
				l.report("cluster-elsewhere", h.target(), "the cluster %s is not in this file", name)
			}
		}
		to, sent := l.sentTrailers(name)
		if !sent {
			continue
		}
		lists := c.trailerMutations(h)
		missing, spelled := l.notRemoved(c.manager, slices.Concat(l.gate.Identity, l.gate.Removed), func(name string) bool {
			return slices.ContainsFunc(lists, func(one *value) bool { return removal(one, name) != nil })
		})
		if names := append(missing, spelled...); len(names) > 0 {
			l.report("request-trailers", c.at,
				"Envoy keeps %s in clients' trailers, which it may forward to the cluster %s", some(names), to)
			return
		}
	}
}

// sentTrailers returns the cluster to which Envoy may forward trailers on a hop to a
// cluster. A header or a plugin can choose any cluster.
func (l *linter) sentTrailers(name string) (to string, sent bool) {
	names := append(l.partsOfCluster(name), name)
	if name == "" {
		names = slices.Sorted(maps.Keys(l.clusters))
	}
	i := slices.IndexFunc(names, func(name string) bool {
		cluster, ok := l.clusters[name]
		return !l.isAdmin(name) && !l.gates[name] && (!ok && name != "" || ok && forwardsTrailers(cluster))
	})
	if i < 0 {
		return "", false
	}
	return names[i], true
}

// trailerMutations returns the lists of changes that filters make to the trailers of a
// hop's requests.
func (c *chain) trailerMutations(h hop) []*value {
	var lists []*value
	for _, f := range c.filters {
		if !f.is(mutationType) {
			continue
		}
		if on, _ := f.on(h); !on {
			continue
		}
		lists = append(lists, f.settings.get("mutations", "request_trailers_mutations"))
		for _, level := range h.levels {
			if message := setting(level, f.name).message; message.isMessage(mutationRoute) {
				lists = append(lists, message.get("mutations", "request_trailers_mutations"))
			}
		}
	}
	return lists
}

// forwardsTrailers reports whether Envoy forwards the trailers of requests to a
// cluster: it does over HTTP/2 and HTTP/3, and over HTTP/1.1 with enable_trailers.
func forwardsTrailers(c *value) bool {
	options := c.options()
	explicit := options.get("explicit_http_config")
	enabled := explicit.get("http_protocol_options", "enable_trailers").is() || c.get("http_protocol_options", "enable_trailers").is()
	return enabled || usesHTTP2(c) || explicit.get("http3_protocol_options").there() ||
		hasAny(options, "use_downstream_protocol_config", "auto_config")
}
