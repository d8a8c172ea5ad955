package envoylint

import (
	"slices"
	"strings"
)

// order checks the order of the filters around the first one that calls the gate.
func (l *linter) order(c *chain) {
	first := c.gate[0]
	for _, f := range c.filters[:first] {
		switch {
		case answersRequests(f.kind):
			l.report("answered-before-ext-authz", f.entry, "%s answers before Envoy calls the gate", f.name)
		case usesIdentity(f.kind):
			if name := l.mentions(c, f); name != "" {
				l.report("identity-before-ext-authz", f.entry, "%s uses %s before Envoy calls the gate", f.name, name)
			}
		}
	}
	for _, f := range c.filters[first+1:] {
		if short(f.kind) == "Cors" && !l.gate.AnswersCORS && !c.corsBefore(first) {
			fix := ""
			if !c.corsPolicy(f) {
				fix = "list the origins under cors.origins in jwtgate.yaml, so that the gate answers preflights itself; " +
					"no route here has a CORS policy"
			}
			l.reportFix("cors-behind-ext-authz", f.entry, fix, "%s comes after ext_authz", f.name)
		}
	}
}

// corsPolicy reports whether some route has a policy for a CORS filter.
func (c *chain) corsPolicy(f filter) bool {
	isPolicy := func(level *value) bool { return setting(level, f.name).message.isMessage(corsPolicyType) }
	return slices.ContainsFunc(c.hops(), func(h hop) bool { return slices.ContainsFunc(h.levels, isPolicy) })
}

func (c *chain) corsBefore(first int) bool {
	return slices.ContainsFunc(c.filters[:first], func(f filter) bool { return short(f.kind) == "Cors" })
}

// answersRequests reports whether a type of filter answers requests without an
// application.
func answersRequests(kind string) bool {
	parts := []string{".cache.", ".cache_v2.", ".file_server.", ".aws_lambda."}
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(kind, part) })
}

// usesIdentity reports whether the result of a type of filter depends on headers or
// metadata. Scripts and WebAssembly of users are unknown.
func usesIdentity(kind string) bool {
	return slices.Contains([]string{
		"RBAC", "RateLimit", "LocalRateLimit", "RateLimitQuotaFilterConfig", "HeaderToMetadata", "JwtAuthentication", "Config",
	}, short(kind))
}

// rateLimits returns the rate limits of a level.
func rateLimits(level *value) *value {
	switch {
	case level.isMessage(virtualHostType):
		return level.get("rate_limits")
	case level.isMessage(routeType):
		return level.get("route", "rate_limits")
	}
	return &value{}
}

// mentions returns an identity header, or the gate's metadata, that a filter or the rate
// limits of the routes name; empty if there is none.
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
			level.get("typed_per_filter_config").entry(f.name).scalars(look)
			if strings.HasPrefix(short(f.kind), "RateLimit") {
				rateLimits(level).scalars(look)
			}
		}
	}
	return found
}
