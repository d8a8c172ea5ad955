package envoylint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// authz looks at one filter that asks the gate, and at its settings.
func (l *linter) authz(c *chain, f filter, a *value) {
	if a != f.settings && a != f.fallback {
		l.reportMend("ext-authz-conditional", f.entry, "write the ext_authz filter itself in its place", "a matcher decides whether the gate is asked")
	}
	if at := f.entry.get("is_optional"); at.is() {
		l.reportMend("ext-authz-conditional", at, "remove is_optional", "an Envoy that does not know the filter leaves it out")
	}
	if at := a.get("failure_mode_allow"); at.is() {
		l.report("failure-mode-allow", at, "what cannot be checked is let through")
	}
	if at := a.get("shadow_mode"); at.is() {
		l.report("shadow-mode", at, "denials are not enforced")
	}
	if at := a.get("status_on_error", "code"); !isServerError(at) {
		l.report("status-on-error", at, "an outage of the gate is answered %s", cmp.Or(at.text, "403"))
	}
	if at := a.get("encode_raw_headers"); !at.is() {
		l.report("raw-headers", at, "the gate is sent joined header fields")
	}
	if at := a.get("validate_mutations"); !at.is() {
		l.report("validate-mutations", at, "the names and values that an answer sets are not looked at")
	}
	if at := a.get("max_denied_response_body_bytes"); at.number(0) > 0 && at.number(0) < 1024 {
		l.report("denial-truncated", at, "denials are cut at %.0f bytes", at.number(0))
	}
	if at := a.get("with_request_body"); at.there() {
		large := "larger ones are answered 413"
		if at.get("allow_partial_message").is() {
			large = "of larger ones the beginning"
		}
		l.report("with-request-body", at, "bodies of up to %s bytes are sent to the gate, %s", cmp.Or(at.get("max_request_bytes").text, "0"), large)
	}
	l.conditional(c, a)
	l.size(c.manager, a)
	l.sent(c.manager, a)
	if !a.get("http_service").there() { // of which an answer sets what allowed_upstream_headers says
		l.mutations(a)
	}
	l.service(a)
}

// What the gate takes of a CheckRequest, and how much of it is no header and no body of
// the request: addresses, names of headers, a client's certificate.
const (
	mostCheckRequest = 128 << 10
	beyondHeaders    = 8 << 10
)

// size looks at how much one CheckRequest can hold.
func (l *linter) size(m *manager, a *value) {
	at := m.hcm.get("max_request_headers_kb")
	bytes := at.number(60)*1024 + beyondHeaders
	if body := a.get("with_request_body"); body.there() {
		bytes += body.get("max_request_bytes").number(0)
		if !at.there() {
			at = body
		}
	}
	if kb := m.hcm.get("max_request_headers_kb"); l.gate.HeadersFit() && kb.number(60) < float64(l.gate.HeaderKB()) {
		l.reportMend("request-headers-too-small", kb, fmt.Sprintf("write max_request_headers_kb: %d, or lower tokens.max_bytes or identity.max_total_bytes in jwtgate.yaml", l.gate.HeaderKB()),
			"requests may have %.0f KiB of headers, and a token and its identity headers can take %d bytes", kb.number(60), l.gate.HeaderBytes)
	}
	if bytes > mostCheckRequest {
		l.report("check-request-too-large", at, "a CheckRequest can have %.0f KiB, and jwtgate takes 128", bytes/1024)
	}
}

// isServerError reports whether a status, by its number or by the name that
// envoy.type.v3.StatusCode gives it, is a 5xx.
func isServerError(at *value) bool {
	return at.number(0) >= 500 || slices.Contains([]string{
		"InternalServerError", "NotImplemented", "BadGateway", "ServiceUnavailable", "GatewayTimeout", "HTTPVersionNotSupported",
		"VariantAlsoNegotiates", "InsufficientStorage", "LoopDetected", "NotExtended", "NetworkAuthenticationRequired",
	}, at.text)
}

// conditional looks for requests that are not asked about.
func (l *linter) conditional(c *chain, a *value) {
	deny := a.get("deny_at_disable")
	denyKey := deny.get("runtime_key").text
	if deny.get("default_value").is() && l.runtimeValue(denyKey) == nil && !l.runtimeOpen(denyKey) {
		return // they are refused
	}
	if at := a.get("filter_enabled"); at.there() {
		key := at.get("runtime_key").text
		if set := l.runtimeValue(key); set != nil {
			l.report("ext-authz-conditional", set, "the runtime value %s replaces the share in filter_enabled", key)
		} else if l.runtimeOpen(key) {
			l.reportMend("ext-authz-conditional", at.get("runtime_key"), "remove filter_enabled, or the runtime layers that are read from elsewhere (disk_layer, rtds_layer)",
				"the runtime value %s can replace the share, and is not in this file", key)
		}
		all := map[string]float64{"TEN_THOUSAND": 1e4, "MILLION": 1e6}[at.get("default_value", "denominator").text]
		if all == 0 {
			all = 100
		}
		if share := at.get("default_value", "numerator").number(0) / all; share < 1 {
			l.report("ext-authz-conditional", at, "the gate is asked about %.4g %% of the requests", share*100)
		}
	}
	if at := a.get("filter_enabled_metadata"); at.there() && !c.marksAll(at) {
		l.report("ext-authz-conditional", at, "the gate is asked about requests with certain metadata only")
	}
}

// marksAll reports whether the metadata that a filter goes by is put on every
// request: Istio has the shadow rules of an RBAC filter say what is asked about.
// Anything else about the two than what Istio writes, and it does not count.
func (c *chain) marksAll(matcher *value) bool {
	path := matcher.get("path").items
	prefix := matcher.get("value", "string_match", "prefix").text
	if matcher.get("filter").text != "envoy.filters.http.rbac" || matcher.get("invert").is() || len(path) != 1 || prefix == "" {
		return false
	}
	for _, f := range c.filters[:c.gate[0]] {
		if f.is(rbacType) && !f.disabled && f.marks(path[0].get("key").text, prefix) && !slices.ContainsFunc(c.hops(), func(h hop) bool {
			return slices.ContainsFunc(h.levels, func(level *value) bool { return setting(level, f.name).there })
		}) {
			return true
		}
	}
	return false
}

// marks reports whether an RBAC filter writes for every request, at that key, the name
// of a policy that begins with a prefix.
func (f filter) marks(key, prefix string) bool {
	rules := f.settings.get("shadow_rules", "policies")
	if key != f.settings.get("shadow_rules_stat_prefix").text+"shadow_effective_policy_id" {
		return false
	}
	all := false
	for _, policy := range rules.fields {
		if !strings.HasPrefix(policy.name, prefix) {
			return false // it may be the one that is found
		}
		unconditional := !hasAny(policy.value, "condition", "checked_condition", "cel_config")
		all = all || unconditional && slices.ContainsFunc(policy.get("permissions").items, takesAll) &&
			slices.ContainsFunc(policy.get("principals").items, takesAll)
	}
	return all
}

// takesAll reports whether a permission or a principal is any.
func takesAll(one *value) bool {
	all := one.get("any")
	switch {
	case one.has("and_rules"):
		all = one.get("and_rules", "rules")
	case one.has("and_ids"):
		all = one.get("and_ids", "ids")
	default:
		return all.is()
	}
	return !slices.ContainsFunc(all.items, func(part *value) bool { return !takesAll(part) })
}

// sent looks at which headers the gate is sent.
func (l *linter) sent(m *manager, a *value) {
	allowed, disallowed := a.get("allowed_headers"), a.get("disallowed_headers")
	isSent := func(name string) bool {
		return (!allowed.there() || allowed.matchesAny(name)) && !disallowed.matchesAny(name)
	}
	names := slices.Clone(l.gate.Reads)
	for _, name := range append(slices.Clone(l.gate.Identity), l.gate.Removed...) {
		names = append(names, spellings(name, l.forwardsUnderscores(m))...)
	}
	at := allowed
	if !at.there() {
		at = disallowed
	}
	missing := slices.DeleteFunc(names, isSent)
	if len(missing) > 0 {
		l.report("headers-not-sent", at, "the gate is not sent %s", some(missing))
	}
	const any = "x-any-other-header-that-there-may-be"
	if l.gate.ReadsAny && len(missing) == 0 && !isSent(any) {
		l.reportMend("headers-not-sent", at, `add - safe_regex: { regex: ".*" }, or the names that the condition may look at`, "a `when` reads headers by names that cannot be told beforehand")
	}
}

// mutations looks at what the gate's answer may change.
func (l *linter) mutations(a *value) {
	rules := a.get("decoder_header_mutation_rules")
	wide := ""
	if !rules.there() {
		l.report("mutation-rules-missing", rules, "an answer may change any header, the path and the host")
		wide = ":path"
	} else {
		for _, name := range []string{":path", ":method", ":authority", ":scheme", "host", "x-envoy-original-path", "x-any-other-header"} {
			if allows(rules, name) && wide == "" {
				wide = name
				l.report("mutation-rules-too-wide", rules, "an answer may change %s", strings.Replace(name, "x-any-other-header", "any header", 1))
			}
		}
		if at := rules.get("disallow_is_error"); !at.is() {
			l.report("mutation-rules-silent", at, "what is not allowed is left out silently")
		}
		if missing := l.forbidden(rules); len(missing) > 0 {
			l.report("mutation-rules-too-narrow", rules, "the gate may not change %s", some(missing))
		}
	}
	if wide == "" {
		return
	}
	for _, name := range []string{"clear_route_cache", "clear_route_cache_headers"} {
		if at := a.get(name); at.is() || len(at.items) > 0 {
			l.report("clear-route-cache", at, "an answer that changes %s sends the request to another route", strings.Replace(wide, "x-any-other-header", "any header", 1))
		}
	}
}

// forbidden are the names that the gate changes and the rules do not let it.
func (l *linter) forbidden(rules *value) []string {
	names := slices.Concat(l.gate.Sets, l.gate.TakenOut)
	for _, name := range append(slices.Clone(l.gate.Identity), l.gate.Removed...) {
		names = append(names, spellings(name, true)...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return allows(rules, name) })
}

// allows reports whether mutation rules let a header be changed, as
// envoy.config.common.mutation_rules.v3 describes.
func allows(rules *value, name string) bool {
	switch {
	case rules.get("disallow_expression").fits(name):
		return false
	case rules.get("allow_expression").fits(name):
		return true
	case rules.get("disallow_all").is():
		return false
	case strings.HasPrefix(name, ":") && rules.get("disallow_system").is():
		return false
	case slices.Contains([]string{"host", ":authority", ":scheme", ":method"}, name):
		return rules.get("allow_all_routing").is()
	case strings.HasPrefix(name, "x-envoy"):
		return rules.get("allow_envoy").is()
	}
	return true
}

// service looks at how the gate is asked.
func (l *linter) service(a *value) {
	if at := a.get("http_service"); at.there() {
		l.report("http-service", at, "the gate is asked by HTTP")
		return
	}
	grpc := a.get("grpc_service")
	if at := grpc.get("google_grpc"); at.there() {
		l.report("google-grpc", at, "the gate is asked by google_grpc")
	}
	timeout := grpc.get("timeout")
	limit := timeout.duration(200 * time.Millisecond)
	switch {
	case limit == 0:
		l.report("grpc-timeout", timeout, "nothing bounds the time that the gate takes")
	case limit < 500*time.Millisecond || limit > 10*time.Second:
		l.report("grpc-timeout", timeout, "the gate has %v for all tries together", limit)
	}
	if !grpc.get("google_grpc").there() {
		l.retries(grpc, limit)
	}
}

// retries looks at what becomes of a request whose replica goes.
func (l *linter) retries(grpc *value, limit time.Duration) {
	policy := grpc.get("retry_policy")
	if !policy.there() || policy.get("num_retries").number(1) < 1 {
		l.report("no-retry", policy, "nothing is tried again")
		return
	}
	on := strings.FieldsFunc(policy.get("retry_on").text, func(r rune) bool { return r == ',' || r == ' ' })
	var lacking []string
	for _, way := range []string{"connect-failure", "refused-stream", "unavailable", "reset"} {
		covered := slices.Contains(on, way) || way != "unavailable" && slices.Contains(on, "5xx")
		if !covered {
			lacking = append(lacking, way)
		}
	}
	if len(lacking) > 0 {
		l.report("no-retry", policy.get("retry_on"), "nothing is tried again after %s", strings.Join(lacking, ", "))
	}
	backOff := policy.get("retry_back_off")
	base := backOff.get("base_interval").duration(time.Second)
	try, at := backOff.get("max_interval").duration(10*base), backOff.get("max_interval")
	switch {
	case limit > 0 && 2*try > limit:
		l.report("per-try-timeout", at, "one try may last %v of %v in all", try, limit)
	case try < 100*time.Millisecond:
		l.report("per-try-timeout", at, "one try may last %v", try)
	}
	const fewDraws = 5
	predicates, draws := policy.get("retry_host_predicate"), policy.get("host_selection_retry_max_attempts")
	switch n := draws.number(1); {
	case !slices.ContainsFunc(predicates.items, func(one *value) bool {
		name, _ := one.get("typed_config").typed()
		return short(name) == "PreviousHostsPredicate"
	}):
		l.report("retry-same-host", predicates, "a retry may go where the first try went")
	case n < fewDraws:
		l.report("retry-same-host", draws, "a retry draws another replica %v times at most, and then goes where the first try went", n)
	}
}
