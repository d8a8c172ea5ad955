package envoylint

import "cmp"

// relaxed reports settings of the connection manager that undo relaxations of jwtgate.
func (l *linter) relaxed(m *manager) {
	action := m.hcm.get("path_with_escaped_slashes_action")
	if l.gate.EncodedSlash {
		switch {
		case action.either("REJECT_REQUEST"):
			l.report("relaxed-escaped-slash", action, "Envoy answers 400 to %%2f in a path, which jwtgate relaxes (encoded_slash)")
		case action.either("UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"):
			l.report("relaxed-escaped-slash", action, "Envoy changes %%2f in a path to a slash, which jwtgate relaxes (encoded_slash)")
		}
	}
	if at := m.hcm.get("merge_slashes"); at.is() && l.gate.DoubleSlash {
		l.report("relaxed-double-slash", at, "Envoy changes // in a path to one slash, which jwtgate relaxes (double_slash)")
	}
	l.relaxedHeaders(m)
	if l.gate.PassesPreflights {
		for _, c := range m.chains {
			l.relaxedPreflights(c)
		}
	}
}

// relaxedPreflights reports a CORS filter that answers preflights itself, which it does
// where its policy lists origins.
func (l *linter) relaxedPreflights(c *chain) {
	for _, f := range c.filters {
		if short(f.kind) != "Cors" {
			continue
		}
		for _, h := range c.hops() {
			for _, level := range h.levels {
				policy := setting(level, f.name).message
				if policy.isMessage(corsPolicyType) && len(policy.get("allow_origin_string_match").items) > 0 {
					l.report("relaxed-preflight", policy.get("allow_origin_string_match"),
						"Envoy answers the preflights of these origins, which jwtgate passes to the application")
				}
			}
		}
	}
}

// relaxedHeaders reports the removal of override headers that jwtgate forwards: from
// headers if it forwards them on some host, and from trailers, which jwtgate never sees,
// if it forwards them on every host.
func (l *linter) relaxedHeaders(m *manager) {
	extensions := m.hcm.get("early_header_mutation_extensions")
	early := func(name string) *value { return earlyRemoval(extensions, name) }
	if names, at := removedOf(l.gate.LetThrough(), early); at != nil {
		l.report("relaxed-header-removed", at, "this removes %s, which jwtgate forwards", some(names))
	}
	if len(l.gate.LetThroughEverywhere()) == 0 {
		return
	}
	for _, c := range m.chains {
		for _, h := range c.hops() {
			if _, sent := l.sentTrailers(h.cluster()); !sent {
				continue
			}
			for _, mutations := range c.trailerMutations(h) {
				l.relaxedTrailers(mutations)
			}
		}
	}
}

// relaxedTrailers reports the removal of such override headers in a list of changes to
// trailers.
func (l *linter) relaxedTrailers(mutations *value) {
	for _, mutation := range mutations.items {
		one := &value{items: []*value{mutation}}
		here := func(name string) *value { return removal(one, name) }
		if names, at := removedOf(l.gate.LetThroughEverywhere(), here); at != nil {
			l.report("relaxed-trailer-removed", at,
				"this removes %s from trailers, which jwtgate forwards on every host", some(names))
		}
	}
}

// removedOf returns which of the names are removed, and the first removal; nil if there
// is none.
func removedOf(names []string, removal func(name string) *value) (removed []string, first *value) {
	for _, name := range names {
		if at := removal(name); at != nil {
			removed, first = append(removed, name), cmp.Or(first, at)
		}
	}
	return removed, first
}
