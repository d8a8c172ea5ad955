package envoylint

import (
	"slices"
	"strings"
)

// order looks at where the filters stand that ask the gate.
func (l *linter) order(m *manager) {
	first := m.gate[0]
	for _, f := range m.filters[:first] {
		switch {
		case answersItself(f.kind):
			l.report("answered-before-ext-authz", f.entry, "%s answers before the gate is asked", f.name)
		case actsOnIdentity(f.kind):
			if name := l.mentions(m, f); name != "" {
				l.report("identity-before-ext-authz", f.entry, "%s acts on %s before the gate is asked", f.name, name)
			}
		}
	}
	for _, f := range m.filters[first+1:] {
		if short(f.kind) == "Cors" && !l.gate.AnswersCORS && !m.corsBefore(first) {
			l.report("cors-behind-ext-authz", f.entry, "%s stands behind ext_authz", f.name)
		}
	}
}

func (m *manager) corsBefore(first int) bool {
	return slices.ContainsFunc(m.filters[:first], func(f filter) bool { return short(f.kind) == "Cors" })
}

// answersItself reports whether a filter of a kind answers requests without an
// application.
func answersItself(kind string) bool {
	return slices.ContainsFunc([]string{".cache.", ".cache_v2.", ".file_server.", ".aws_lambda."}, func(part string) bool { return strings.Contains(kind, part) })
}

// actsOnIdentity reports whether a filter of a kind decides or computes by
// headers or metadata. What a script or a program of the user's own does with
// them cannot be told.
func actsOnIdentity(kind string) bool {
	return slices.Contains([]string{
		"RBAC", "RateLimit", "LocalRateLimit", "RateLimitQuotaFilterConfig", "HeaderToMetadata", "JwtAuthentication", "Config",
	}, short(kind))
}

// mentions returns the identity header, or the gate's metadata, that a filter or
// the rate limits of the routes are about; empty if there is none.
func (l *linter) mentions(m *manager, f filter) string {
	found := ""
	look := func(text string, _ *value) {
		if l.isIdentity(text) || text == "envoy.filters.http.ext_authz" {
			found = text
		}
	}
	f.settings.scalars(look)
	for _, h := range m.hops() {
		for _, level := range h.levels {
			level.get("typed_per_filter_config").exactly(f.name).scalars(look)
			if strings.HasPrefix(short(f.kind), "RateLimit") {
				level.get("rate_limits").scalars(look)
				level.get("route", "rate_limits").scalars(look)
			}
		}
	}
	return found
}
