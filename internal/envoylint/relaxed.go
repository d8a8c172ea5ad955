package envoylint

import (
	"cmp"

	"github.com/jwtgate/jwtgate/envoy"
)

// relaxed looks for settings of the connection manager that undo what jwtgate
// relaxes.
func (l *linter) relaxed(m *manager) {
	action := m.hcm.get("path_with_escaped_slashes_action")
	if l.gate.EncodedSlash {
		switch {
		case action.either("REJECT_REQUEST"):
			l.report("relaxed-escaped-slash", action, "%%2f in a path is answered 400, and jwtgate relaxes it (encoded_slash)")
		case action.either("UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"):
			l.report("relaxed-escaped-slash", action, "%%2f in a path becomes a slash, and jwtgate relaxes it (encoded_slash)")
		}
	}
	if at := m.hcm.get("merge_slashes"); at.is() && l.gate.DoubleSlash {
		l.report("relaxed-double-slash", at, "// in a path becomes one slash, and jwtgate relaxes it (double_slash)")
	}
	l.relaxedHeaders(m)
	if l.gate.PassesPreflights {
		for _, c := range m.chains {
			l.relaxedPreflights(c)
		}
	}
}

// relaxedPreflights looks for a CORS filter that answers preflights itself: it does
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
						"Envoy answers the preflights of these origins, and jwtgate lets preflights pass")
				}
			}
		}
	}
}

// relaxedHeaders looks for the removal of override headers that jwtgate lets
// through: of requests where it does so on some host, and of trailers, which
// jwtgate never sees, where it does so on every host.
func (l *linter) relaxedHeaders(m *manager) {
	extensions := m.hcm.get("early_header_mutation_extensions")
	early := func(name string) *value { return earlyRemoval(extensions, name) }
	if names, at := removedOf(l.gate.LetThrough(), early); at != nil {
		l.report("relaxed-header-removed", at, "this removes %s, which jwtgate lets through", some(names))
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

// relaxedTrailers looks for override headers in a list of what is removed from
// trailers.
func (l *linter) relaxedTrailers(mutations *value) {
	for _, mutation := range mutations.items {
		one := &value{items: []*value{mutation}}
		here := func(name string) *value { return removal(one, name) }
		if names, at := removedOf(l.gate.LetThroughEverywhere(), here); at != nil {
			l.report("relaxed-trailer-removed", at,
				"this removes %s from trailers, which jwtgate lets through on every host", some(names))
		}
	}
}

// removedOf returns which of the names are removed, and where the first of them is;
// nil if none is.
func removedOf(names []string, removal func(name string) *value) (removed []string, first *value) {
	for _, name := range names {
		if at := removal(name); at != nil {
			removed, first = append(removed, name), cmp.Or(first, at)
		}
	}
	return removed, first
}

// removalMend is what the removal of one override header is mended by.
const removalMend = "take the names that jwtgate lets through out of it; jwtgate check prints the line for the shipped envoy.yaml "

// relaxedRules are about what jwtgate relaxes and Envoy undoes. Envoy's settings
// are those of one connection manager, and so of every host behind it.
func relaxedRules() []Rule {
	return []Rule{
		{ID: "relaxed-escaped-slash", Opens: Outage,
			What: "path_with_escaped_slashes_action refuses or unescapes %2f, and relax in jwtgate.yaml has encoded_slash",
			Why:  "Envoy answers, or changes the path, before the gate is asked: the relaxation has no effect",
			Mend: "write " + envoy.EscapedKept + "; it is for every host of this connection manager, and jwtgate refuses %2f where it is not relaxed"},
		{ID: "relaxed-double-slash", Opens: Outage,
			What: "merge_slashes is on, and relax in jwtgate.yaml has double_slash",
			Why:  "the gate and the application get /a/b for /a//b: the relaxation has no effect",
			Mend: "write " + envoy.SlashesKept + "; it is for every host of this connection manager, and jwtgate refuses // where it is not relaxed"},
		{ID: "relaxed-header-removed", Opens: Outage,
			What: "early_header_mutation_extensions removes an override header that relax in jwtgate.yaml lets through on some host",
			Why:  "the header leaves before the gate is asked: the relaxation has no effect",
			Mend: removalMend + "(edit: overrides); it is for every host of this connection manager, " +
				"and jwtgate removes the header where it is not relaxed"},
		{ID: "relaxed-trailer-removed", Opens: Outage,
			What: "a header_mutation filter removes from trailers an override header that relax in jwtgate.yaml lets through on every host",
			Why:  "an application that reads the header from trailers misses it: the relaxation has no effect there",
			Mend: removalMend + "(edit: trailer_overrides)"},
		{ID: "relaxed-preflight", Opens: Outage,
			What: "the policy of a CORS filter lists origins, and jwtgate.yaml has cors.preflight: pass",
			Why:  "the filter answers the preflights of these origins, and the application, which is to answer them, never gets one",
			Mend: "write allow_origin_string_match: [] (edit: origins), or leave cors.preflight out of jwtgate.yaml"},
	}
}

// relaxedGatewayWays are Envoy Gateway's for them.
func relaxedGatewayWays() map[string]Way {
	return map[string]Way{
		"relaxed-escaped-slash":   {Field: "ClientTrafficPolicy: path.escapedSlashesAction: KeepUnchanged"},
		"relaxed-double-slash":    {Field: "ClientTrafficPolicy: path.disableMergeSlashes: true"},
		"relaxed-header-removed":  {Field: "ClientTrafficPolicy: headers.earlyRequestHeaders.remove without the names that jwtgate lets through"},
		"relaxed-preflight":       {Field: "SecurityPolicy without cors"},
		"relaxed-trailer-removed": {Field: "an EnvoyPatchPolicy did that; take the names that jwtgate lets through out of it"},
	}
}

// relaxedIstioWays are Istio's for them.
func relaxedIstioWays() map[string]Way {
	const filter = "; where an EnvoyFilter set it, as the one in deploy/istio does, "
	const normalization = "meshConfig.pathNormalization.normalization: "
	return map[string]Way{
		"relaxed-escaped-slash":   {Field: normalization + "MERGE_SLASHES, not DECODE_AND_MERGE_SLASHES" + filter + envoy.EscapedKept + " there"},
		"relaxed-double-slash":    {Field: normalization + "BASE" + filter + envoy.SlashesKept + " there"},
		"relaxed-header-removed":  {Field: "take the names that jwtgate lets through out of the EnvoyFilter that removes them"},
		"relaxed-preflight":       {Field: "VirtualService: http without corsPolicy"},
		"relaxed-trailer-removed": {Field: "take the names that jwtgate lets through out of the EnvoyFilter that removes them from trailers"},
	}
}
