package envoylint

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// lacking is the beginning of the text and of the fix of a finding about a release that
// lacks a fix.
type lacking struct{ text, fix string }

// lacks describes that this Envoy's release lacks a fix.
func (l *linter) lacks(id string) (lacking, bool) {
	missing, fixed := l.table.lacks(l.version, id)
	if !missing {
		return lacking{}, false
	}
	return lacking{
		fmt.Sprintf("Envoy %s does not have the fix of %s", l.version, id), fmt.Sprintf("use Envoy %s, or a later release", fixed),
	}, true
}

// release reports a version about which nothing is known.
func (l *linter) release() {
	if l.version != (Version{}) && !l.table.knows(l.version) {
		l.report("envoy-version", l.versionAt, "nothing is known about Envoy %s", l.version)
	}
}

// releaseRules checks a connection manager for settings whose effect depends on the
// release of Envoy.
func (l *linter) releaseRules(m *manager) {
	l.overrides(m)
	l.connects(m)
	l.pathParameters(m)
	l.headerValues(m)
	l.oauth2(m)
	l.jwtClaims(m)
}

// find calls f with every message of a type in a connection manager, its routes and the
// filters that Envoy fetched.
func (m *manager) find(name protoreflect.FullName, f func(*value)) {
	parts := append([]*value{m.hcm}, m.routes...)
	for _, c := range m.chains {
		for _, one := range c.filters {
			if one.entry.get("config_discovery").there() {
				parts = append(parts, one.settings)
			}
		}
	}
	for _, part := range parts {
		part.walk(func(v *value) bool {
			if v.isMessage(name) {
				f(v)
			}
			return true
		})
	}
}

// unchecked returns the routes to an application for which Envoy does not call the gate,
// and whether it calls the gate for another one.
func (l *linter) unchecked(m *manager) (open []hop, others bool) {
	for _, h := range m.hops() {
		switch {
		case !l.toApplication(h):
		case m.asks(h):
			others = true
		default:
			open = append(open, h)
		}
	}
	return open, others
}

// overrides reports a route that calls another ext_authz server than its filter.
func (l *linter) overrides(m *manager) {
	missing, ok := l.lacks("CVE-2026-47205")
	if !ok {
		return
	}
	m.find(checkSettingsType, func(settings *value) {
		for _, kind := range []string{"grpc_service", "http_service"} {
			if at := settings.get(kind); at.there() {
				l.reportFix("override-crash", at, missing.fix+", or remove "+kind, "%s, and this route calls a server of its own", missing.text)
			}
		}
	})
}

// connects reports a route for CONNECT requests, which have no path, if another ext_authz
// server than the gate answers for them. Behind the gate, none does: it denies them.
func (l *linter) connects(m *manager) {
	missing, ok := l.lacks("CVE-2026-73547")
	if !ok {
		return
	}
	for _, h := range m.hops() {
		at := h.route.get("match", "connect_matcher")
		if at.there() && slices.ContainsFunc(m.chains, func(c *chain) bool { return c.asksOther(m.asks(h)) }) {
			l.reportFix("connect-crash", at, missing.fix+", or remove the route",
				"%s, and an ext_authz server that is not the gate answers for CONNECT requests", missing.text)
		}
	}
}

// asksOther reports whether a chain calls another ext_authz server than the gate; before
// the gate, if it calls that.
func (c *chain) asksOther(gate bool) bool {
	for i, f := range c.filters {
		switch {
		case slices.Contains(c.gate, i):
			if gate {
				return false
			}
		case len(f.inside(extAuthzType)) > 0:
			return true
		}
	}
	return false
}

// pathParameters reports routes that Envoy selects by another path than the one that the
// application reads. The gate denies such a path, or reads it as the application does, so
// only routes without the gate count, and RBAC rules of paths.
func (l *linter) pathParameters(m *manager) {
	open, others := l.unchecked(m)
	if missing, ok := l.lacks("CVE-2026-73551"); ok && m.hcm.get("normalize_path").is() {
		for _, h := range open {
			match := h.route.get("match")
			if others && hasAny(match, "prefix", "path_separated_prefix", "safe_regex", "path_match_policy") {
				l.reportFix("path-parameters", match, missing.fix+", and let Envoy call the gate for this route",
					"%s, and Envoy does not call the gate for %s and what is below it", missing.text, h.name())
			}
		}
	}
	for _, routes := range m.routes {
		at := routes.get("ignore_path_parameters_in_path_matching")
		if !at.is() {
			continue
		}
		if missing, ok := l.lacks("CVE-2026-73511"); ok && len(open) > 0 && others {
			l.reportFix("path-parameters", at, missing.fix,
				"%s: a parameter in the middle of a path selects another route, and Envoy does not call the gate for %s",
				missing.text, open[0].name())
		}
		missing, ok := l.lacks("CVE-2026-73553")
		if !ok || len(open) == 0 && !l.gate.Semicolon {
			continue
		}
		l.policies(m, func(rule, _ *value) {
			rule.walk(func(v *value) bool {
				if isField(v, "url_path", "uri_template") && v.there() {
					l.reportFix("path-parameters", v, missing.fix, "%s: this RBAC rule does not match a path with a parameter", missing.text)
				}
				return true
			})
		})
	}
}

// policies calls f with every policy that an RBAC filter enforces, and its rules.
func (l *linter) policies(m *manager, f func(policy, rules *value)) {
	m.find(rulesType, func(rules *value) {
		if isField(rules, "shadow_rules") {
			return
		}
		for _, policy := range rules.get("policies").fields {
			f(policy.value, rules)
		}
	})
}

// headerValues reports matchers of headers that a client can avoid: by a repeated header,
// or by a byte that is not UTF-8.
func (l *linter) headerValues(m *manager) {
	joined, isJoined := l.lacks("CVE-2026-26308")
	bytes, isBytes := l.lacks("CVE-2026-73552")
	l.policies(m, func(policy, rules *value) {
		denies := rules.get("action").either("DENY")
		for _, header := range l.clientHeaders(policy) {
			regex := header.get("string_match", "safe_regex").there() || header.get("safe_regex_match").there()
			if isBytes && regex && (denies || negated(header, policy)) {
				l.reportFix("header-values", header, bytes.fix, "%s: this RBAC rule does not match %s with a byte that is not UTF-8",
					bytes.text, header.get("name").text)
			}
			if isJoined { // after the other one, which a later release fixes
				l.reportFix("header-values", header, joined.fix, "%s: this RBAC rule reads a repeated %s as one value, joined by a comma",
					joined.text, header.get("name").text)
			}
		}
	})
	missing, ok := l.lacks("match_headers_individually")
	open, others := l.unchecked(m)
	if !ok || len(open) == 0 || !others {
		return
	}
	m.find(routeMatchType, func(match *value) {
		for _, header := range l.clientHeaders(match.get("headers")) {
			l.reportFix("header-values", header, missing.fix,
				"%s: this route reads a repeated %s as one value, joined by a comma, and Envoy does not call the gate for %s",
				missing.text, header.get("name").text, open[0].name())
		}
	})
}

// clientHeaders returns the matchers of a value that compare a header that a client can
// send twice.
func (l *linter) clientHeaders(v *value) []*value {
	return slices.DeleteFunc(v.messages(headerMatcherType), func(header *value) bool {
		name := header.get("name").text
		return strings.HasPrefix(name, ":") || l.isIdentity(name) || header.get("present_match").there()
	})
}

// negated reports whether a value is below a not_rule or a not_id of a policy.
func negated(v, policy *value) bool {
	for ; v != policy && v != nil; v = v.in {
		if isField(v, "not_rule", "not_id") || v.isMessage(headerMatcherType) && v.get("invert_match").is() {
			return true
		}
	}
	return false
}

// oauth2 reports OAuth2 filters whose cookies have no authentication.
func (l *linter) oauth2(m *manager) {
	const fix = "set envoy.reloadable_features.oauth2_use_gcm_encryption to true in a static runtime layer; when no cookie of " +
		"before is left, set envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat to false"
	missing, lacks := l.lacks("CVE-2026-47775")
	for _, c := range m.chains {
		for _, f := range c.filters {
			switch {
			case len(f.inside(oauth2Type)) == 0:
			case lacks:
				l.reportFix("oauth2-cookies", f.entry, missing.fix+"; then "+fix, "%s: %s can only encrypt with AES-CBC", missing.text, f.name)
			case !l.guardIs("envoy.reloadable_features.oauth2_use_gcm_encryption", "true"):
				l.reportFix("oauth2-cookies", f.entry, fix, "%s encrypts cookies with AES-CBC", f.name)
			case !l.guardIs("envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat", "false"):
				l.reportFix("oauth2-cookies", f.entry, fix, "%s still accepts cookies that are encrypted with AES-CBC", f.name)
			}
		}
	}
}

// guardIs reports whether the file sets a runtime guard to a value.
func (l *linter) guardIs(guard, want string) bool {
	set := l.runtimeValue(guard)
	return set != nil && boolText(set) == want
}

// jwtClaims reports rate limits by a claim of a token that nothing verifies.
func (l *linter) jwtClaims(m *manager) {
	m.find(jwtClaimType, func(v *value) {
		l.report("jwt-claim-unverified", v, "a rate limit uses the claim %s of a token that Envoy does not verify", v.get("claim_name").text)
	})
}
