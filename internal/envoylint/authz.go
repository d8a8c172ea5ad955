package envoylint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// authz checks one configuration of a filter that calls the gate.
func (l *linter) authz(c *chain, f filter, a *value) {
	if a != f.settings && a != f.fallback {
		l.reportFix("ext-authz-conditional", f.entry, "replace it by the ext_authz filter itself",
			"a matcher decides whether Envoy calls the gate")
	}
	if at := f.entry.get("is_optional"); at.is() {
		l.reportFix("ext-authz-conditional", at, "remove is_optional", "an Envoy that does not know the filter skips it")
	}
	if at := a.get("failure_mode_allow"); at.is() {
		l.report("failure-mode-allow", at, "Envoy allows requests that the gate cannot check")
	}
	if at := a.get("shadow_mode"); at.is() {
		l.report("shadow-mode", at, "Envoy does not enforce denials")
	}
	if at := a.get("status_on_error", "code"); !isServerError(at) {
		l.report("status-on-error", at, "clients get %s during an outage of the gate", cmp.Or(at.text, "403"))
	}
	if at := a.get("encode_raw_headers"); !at.is() {
		l.report("raw-headers", at, "Envoy sends joined header fields to the gate")
	}
	if at := a.get("validate_mutations"); !at.is() {
		l.report("validate-mutations", at, "Envoy does not validate the names and values that an answer sets")
	}
	if at := a.get("max_denied_response_body_bytes"); at.number(0) > 0 && at.number(0) < 1024 {
		l.report("denial-truncated", at, "Envoy truncates denials to %.0f bytes", at.number(0))
	}
	if at := a.get("with_request_body"); at.there() {
		large := "larger ones get status 413"
		if at.get("allow_partial_message").is() {
			large = "and the beginning of larger ones"
		}
		l.report("with-request-body", at, "Envoy sends bodies of up to %s bytes to the gate; %s",
			cmp.Or(at.get("max_request_bytes").text, "0"), large)
	}
	l.conditional(c, a)
	l.size(c.manager, a)
	l.sentHeaders(c.manager, a)
	if !a.get("http_service").there() { // with it, allowed_upstream_headers limits what an answer sets
		l.mutations(a)
	}
	l.service(a)
}

const (
	maxCheckRequest = 128 << 10 // the largest that the gate accepts
	// otherParts is an estimate of the parts of a CheckRequest that are neither headers
	// nor body: addresses, names of fields, a client's certificate.
	otherParts = 8 << 10
)

// size checks how large a CheckRequest can be.
func (l *linter) size(m *manager, a *value) {
	at := m.hcm.get("max_request_headers_kb")
	bytes := at.number(60)*1024 + otherParts
	if body := a.get("with_request_body"); body.there() {
		bytes += body.get("max_request_bytes").number(0)
		if !at.there() {
			at = body
		}
	}
	if kb := m.hcm.get("max_request_headers_kb"); l.gate.HeadersFit() && kb.number(60) < float64(l.gate.HeaderKB()) {
		fix := fmt.Sprintf("write max_request_headers_kb: %d, or lower tokens.max_bytes or identity.max_total_bytes in jwtgate.yaml",
			l.gate.HeaderKB())
		l.reportFix("request-headers-too-small", kb, fix,
			"the limit is %.0f KiB of headers, and a token and its identity headers can need %d bytes",
			kb.number(60), l.gate.HeaderBytes)
	}
	if bytes > maxCheckRequest {
		l.report("check-request-too-large", at, "a CheckRequest can have %.0f KiB, and jwtgate accepts 128", bytes/1024)
	}
}

// isServerError reports whether a status, a number or a name of envoy.type.v3.StatusCode,
// is a 5xx.
func isServerError(at *value) bool {
	if at.field == nil {
		return false // status_on_error is not a mapping
	}
	named := at.field.Enum().Values().ByName(protoreflect.Name(at.text))
	return at.number(0) >= 500 || named != nil && named.Number() >= 500
}

// conditional reports settings by which Envoy calls the gate for some requests only.
func (l *linter) conditional(c *chain, a *value) {
	deny := a.get("deny_at_disable")
	denyKey := deny.get("runtime_key").text
	if deny.get("default_value").is() && l.runtimeValue(denyKey) == nil && !l.runtimeOpen(denyKey) {
		return // Envoy denies the other requests
	}
	if at := a.get("filter_enabled"); at.there() {
		key := at.get("runtime_key").text
		if set := l.runtimeValue(key); set != nil {
			l.report("ext-authz-conditional", set, "the runtime value %s replaces the percentage in filter_enabled", key)
		} else if l.runtimeOpen(key) {
			l.reportFix("ext-authz-conditional", at.get("runtime_key"),
				"remove filter_enabled, or the runtime layers from other sources (disk_layer, rtds_layer)",
				"the runtime value %s, which is not in this file, can replace the percentage", key)
		}
		all := map[string]float64{"TEN_THOUSAND": 1e4, "MILLION": 1e6}[at.get("default_value", "denominator").text]
		if all == 0 {
			all = 100
		}
		if share := at.get("default_value", "numerator").number(0) / all; share < 1 {
			l.report("ext-authz-conditional", at, "Envoy calls the gate for %.4g %% of the requests", share*100)
		}
	}
	if at := a.get("filter_enabled_metadata"); at.there() && !c.marksAll(at) {
		l.report("ext-authz-conditional", at, "Envoy calls the gate only for requests with certain metadata")
	}
}

// marksAll reports whether every request has the metadata that filter_enabled_metadata
// requires. Istio writes that metadata by the shadow rules of an RBAC filter; any other
// form than Istio's does not count.
func (c *chain) marksAll(matcher *value) bool {
	path := matcher.get("path").items
	prefix := matcher.get("value", "string_match", "prefix").text
	if matcher.get("filter").text != "envoy.filters.http.rbac" || matcher.get("invert").is() || len(path) != 1 || prefix == "" {
		return false
	}
	for _, f := range c.filters[:c.gate[0]] {
		isSet := func(level *value) bool { return setting(level, f.name).exists }
		changed := func(h hop) bool { return slices.ContainsFunc(h.levels, isSet) }
		if f.is(rbacType) && !f.disabled && f.marks(path[0].get("key").text, prefix) && !slices.ContainsFunc(c.hops(), changed) {
			return true
		}
	}
	return false
}

// marks reports whether an RBAC filter writes, at a key and for every request, the name
// of a policy with a prefix.
func (f filter) marks(key, prefix string) bool {
	rules := f.settings.get("shadow_rules", "policies")
	if key != f.settings.get("shadow_rules_stat_prefix").text+"shadow_effective_policy_id" {
		return false
	}
	all := false
	for _, policy := range rules.fields {
		if !strings.HasPrefix(policy.name, prefix) {
			return false // a request may match this policy instead
		}
		unconditional := !hasAny(policy.value, "condition", "checked_condition", "cel_config")
		all = all || unconditional && slices.ContainsFunc(policy.get("permissions").items, matchesAll) &&
			slices.ContainsFunc(policy.get("principals").items, matchesAll)
	}
	return all
}

// matchesAll reports whether a permission or a principal matches every request.
func matchesAll(one *value) bool {
	all := one.get("any")
	switch {
	case one.has("and_rules"):
		all = one.get("and_rules", "rules")
	case one.has("and_ids"):
		all = one.get("and_ids", "ids")
	default:
		return all.is()
	}
	return !slices.ContainsFunc(all.items, func(part *value) bool { return !matchesAll(part) })
}

// sentHeaders reports headers that the gate reads and Envoy does not send.
func (l *linter) sentHeaders(m *manager, a *value) {
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
		l.report("headers-not-sent", at, "Envoy does not send %s to the gate", some(missing))
	}
	const any = "x-any-header-that-no-list-names"
	if l.gate.ReadsAny && len(missing) == 0 && !isSent(any) {
		l.reportFix("headers-not-sent", at, `add - safe_regex: { regex: ".*" }, or the names that the condition may read`,
			"a `when` computes the names of the headers that it reads")
	}
}

// mutations checks what the gate's answer may change.
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
			l.report("mutation-rules-silent", at, "Envoy silently skips changes that are not allowed")
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
			l.report("clear-route-cache", at, "an answer that changes %s sends the request to another route",
				strings.Replace(wide, "x-any-other-header", "any header", 1))
		}
	}
}

// forbidden returns the names that the gate changes and the rules do not allow.
func (l *linter) forbidden(rules *value) []string {
	names := slices.Concat(l.gate.Sets, l.gate.TakenOut)
	for _, name := range append(slices.Clone(l.gate.Identity), l.gate.Removed...) {
		names = append(names, spellings(name, true)...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return allows(rules, name) })
}

// allows reports whether mutation rules allow changes to a header, as
// envoy.config.common.mutation_rules.v3 describes.
func allows(rules *value, name string) bool {
	switch {
	case rules.get("disallow_expression").fullMatch(name):
		return false
	case rules.get("allow_expression").fullMatch(name):
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

// service checks how Envoy calls the gate.
func (l *linter) service(a *value) {
	if at := a.get("http_service"); at.there() {
		l.report("http-service", at, "Envoy calls the gate by HTTP")
		return
	}
	grpc := a.get("grpc_service")
	if at := grpc.get("google_grpc"); at.there() {
		l.report("google-grpc", at, "Envoy calls the gate by google_grpc")
	}
	timeout := grpc.get("timeout")
	limit := timeout.duration(200 * time.Millisecond)
	switch {
	case limit == 0:
		l.report("grpc-timeout", timeout, "the gate has no timeout")
	case limit < 500*time.Millisecond || limit > 10*time.Second:
		l.report("grpc-timeout", timeout, "the timeout is %v for all attempts together", limit)
	}
	if !grpc.get("google_grpc").there() {
		l.retries(grpc, limit)
	}
}

// retries checks whether Envoy retries a check whose replica fails, on another one.
func (l *linter) retries(grpc *value, limit time.Duration) {
	policy := grpc.get("retry_policy")
	if !policy.there() || policy.get("num_retries").number(1) < 1 {
		l.report("no-retry", policy, "Envoy retries nothing")
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
		l.report("no-retry", policy.get("retry_on"), "Envoy does not retry after %s", strings.Join(lacking, ", "))
	}
	backOff := policy.get("retry_back_off")
	base := backOff.get("base_interval").duration(time.Second)
	try, at := backOff.get("max_interval").duration(10*base), backOff.get("max_interval")
	switch {
	case limit > 0 && 2*try > limit:
		l.report("per-try-timeout", at, "one attempt can take %v of %v in total", try, limit)
	case try < 100*time.Millisecond:
		l.report("per-try-timeout", at, "one attempt can take only %v", try)
	}
	const fewDraws = 5
	predicates, draws := policy.get("retry_host_predicate"), policy.get("host_selection_retry_max_attempts")
	switch n := draws.number(1); {
	case !slices.ContainsFunc(predicates.items, func(one *value) bool {
		name, _ := one.get("typed_config").typed()
		return short(name) == "PreviousHostsPredicate"
	}):
		l.report("retry-same-host", predicates, "a retry can go to the same replica as the first attempt")
	case n < fewDraws:
		l.report("retry-same-host", draws, "Envoy tries at most %v times to select another replica for a retry, and then uses the same one", n)
	}
}
