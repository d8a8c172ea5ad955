package envoylint

import (
	"slices"
	"strings"
)

// order looks at where the filters stand that ask the gate.
func (l *linter) order(c *chain) {
	first := c.gate[0]
	for _, f := range c.filters[:first] {
		switch {
		case answersItself(f.kind):
			l.report("answered-before-ext-authz", f.entry, "%s answers before the gate is asked", f.name)
		case actsOnIdentity(f.kind):
			if name := l.mentions(c, f); name != "" {
				l.report("identity-before-ext-authz", f.entry, "%s acts on %s before the gate is asked", f.name, name)
			}
		}
	}
	for _, f := range c.filters[first+1:] {
		if short(f.kind) == "Cors" && !l.gate.AnswersCORS && !c.corsBefore(first) {
			mend := ""
			if !c.corsPolicy(f) {
				mend = "list the origins under cors.origins in jwtgate.yaml: the gate then answers preflights itself; no route here has a CORS policy"
			}
			l.reportMend("cors-behind-ext-authz", f.entry, mend, "%s stands behind ext_authz", f.name)
		}
	}
}

// corsPolicy reports whether some route has a policy for a CORS filter.
func (c *chain) corsPolicy(f filter) bool {
	return slices.ContainsFunc(c.hops(), func(h hop) bool {
		return slices.ContainsFunc(h.levels, func(level *value) bool { return setting(level, f.name).message.isMessage(corsPolicyType) })
	})
}

func (c *chain) corsBefore(first int) bool {
	return slices.ContainsFunc(c.filters[:first], func(f filter) bool { return short(f.kind) == "Cors" })
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

// rateLimits are the rate limits of a level.
func rateLimits(level *value) *value {
	switch {
	case level.isMessage(virtualHostType):
		return level.get("rate_limits")
	case level.isMessage(routeType):
		return level.get("route", "rate_limits")
	}
	return &value{}
}

// mentions returns the identity header, or the gate's metadata, that a filter or
// the rate limits of the routes are about; empty if there is none.
func (l *linter) mentions(c *chain, f filter) string {
	found := ""
	look := func(text string, _ *value) {
		if l.isIdentity(text) || text == "envoy.filters.http.ext_authz" {
			found = text
		}
	}
	f.settings.scalars(look)
	for _, h := range c.hops() {
		for _, level := range h.levels {
			level.get("typed_per_filter_config").exactly(f.name).scalars(look)
			if strings.HasPrefix(short(f.kind), "RateLimit") {
				rateLimits(level).scalars(look)
			}
		}
	}
	return found
}
