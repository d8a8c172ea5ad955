package envoylint

import (
	"cmp"

	"github.com/jwtgate/jwtgate/envoy"
)

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

// removalFix is the fix for the removal of an override header.
const removalFix = "remove the names that jwtgate forwards from it; jwtgate check prints the line for the shipped envoy.yaml "

// relaxedRules are about settings of Envoy that undo relaxations of jwtgate. Envoy's
// settings are those of one connection manager, and so of all its hosts.
func relaxedRules() []Rule {
	return []Rule{
		{ID: "relaxed-escaped-slash", Severity: Outage,
			What: "path_with_escaped_slashes_action rejects or unescapes %2f, and relax in jwtgate.yaml has encoded_slash",
			Why:  "Envoy answers, or changes the path, before it calls the gate: the relaxation has no effect",
			Fix: "write " + envoy.EscapedKept + "; it applies to every host of this connection manager, " +
				"and jwtgate denies %2f where it is not relaxed"},
		{ID: "relaxed-double-slash", Severity: Outage,
			What: "merge_slashes is on, and relax in jwtgate.yaml has double_slash",
			Why:  "the gate and the application get /a/b for /a//b: the relaxation has no effect",
			Fix: "write " + envoy.SlashesKept + "; it applies to every host of this connection manager, " +
				"and jwtgate denies // where it is not relaxed"},
		{ID: "relaxed-header-removed", Severity: Outage,
			What: "early_header_mutation_extensions removes an override header that jwtgate forwards on some host (relax in jwtgate.yaml)",
			Why:  "Envoy removes the header before it calls the gate: the relaxation has no effect",
			Fix: removalFix + "(edit: overrides); it applies to every host of this connection manager, " +
				"and jwtgate removes the header where it is not relaxed"},
		{ID: "relaxed-trailer-removed", Severity: Outage,
			What: "a header_mutation filter removes from trailers an override header that jwtgate forwards on every host " +
				"(relax in jwtgate.yaml)",
			Why: "an application that reads the header from trailers misses it: the relaxation has no effect there",
			Fix: removalFix + "(edit: trailer_overrides)"},
		{ID: "relaxed-preflight", Severity: Outage,
			What: "the policy of a CORS filter lists origins, and jwtgate.yaml has cors.preflight: pass",
			Why:  "the filter answers the preflights of these origins, so the application, which should answer them, never gets one",
			Fix:  "write allow_origin_string_match: [] (edit: origins), or remove cors.preflight from jwtgate.yaml"},
	}
}

// relaxedGatewayFixes are those of Envoy Gateway.
func relaxedGatewayFixes() map[string]PlatformFix {
	return map[string]PlatformFix{
		"relaxed-escaped-slash": {Field: "ClientTrafficPolicy: path.escapedSlashesAction: KeepUnchanged"},
		"relaxed-double-slash":  {Field: "ClientTrafficPolicy: path.disableMergeSlashes: true"},
		"relaxed-header-removed": {Field: "ClientTrafficPolicy: headers.earlyRequestHeaders.remove " +
			"without the names that jwtgate forwards"},
		"relaxed-preflight":       {Field: "SecurityPolicy without cors"},
		"relaxed-trailer-removed": {Field: "an EnvoyPatchPolicy did that; remove the names that jwtgate forwards from it"},
	}
}

// relaxedIstioFixes are those of Istio.
func relaxedIstioFixes() map[string]PlatformFix {
	const filter = "; if an EnvoyFilter set it, as the one in deploy/istio does, "
	const normalization = "meshConfig.pathNormalization.normalization: "
	const remove = "remove the names that jwtgate forwards from the EnvoyFilter that removes them"
	return map[string]PlatformFix{
		"relaxed-escaped-slash": {Field: normalization + "MERGE_SLASHES, not DECODE_AND_MERGE_SLASHES" + filter +
			envoy.EscapedKept + " there"},
		"relaxed-double-slash":    {Field: normalization + "BASE" + filter + envoy.SlashesKept + " there"},
		"relaxed-header-removed":  {Field: remove},
		"relaxed-preflight":       {Field: "VirtualService: http without corsPolicy"},
		"relaxed-trailer-removed": {Field: remove + " from trailers"},
	}
}
