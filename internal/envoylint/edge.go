package envoylint

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtgate/jwtgate/internal/identity"
)

// edge checks what the connection manager does to a request before the filters.
func (l *linter) edge(m *manager) {
	h := m.hcm
	if at := h.get("normalize_path"); !at.is() {
		l.report("path-not-normalized", at, "Envoy does not decode paths and keeps dot segments")
	}
	if at := h.get("merge_slashes"); !at.is() && !l.gate.DoubleSlash {
		l.report("slashes-not-merged", at, "Envoy keeps // in paths")
	}
	at := h.get("path_with_escaped_slashes_action")
	if at.either("IMPLEMENTATION_SPECIFIC_DEFAULT", "KEEP_UNCHANGED") && !l.gate.EncodedSlash {
		l.report("escaped-slashes", at, "Envoy keeps %%2f and %%5c in paths")
	}
	if l.forwardsUnderscores(m) {
		l.report("underscore-headers", l.underscores(m), "Envoy forwards headers with underscores")
	}
	if at := h.get("use_remote_address"); !at.is() && !h.get("original_ip_detection_extensions").there() {
		l.report("use-remote-address", at, "Envoy believes x-forwarded-for and some x-envoy-* headers of clients")
	}
	if at := h.get("forward_client_cert_details"); at.either("ALWAYS_FORWARD_ONLY") {
		l.report("client-cert-header", at, "Envoy forwards a client's own x-forwarded-client-cert")
	}
	h.get("forward_client_cert_matcher").walk(func(v *value) bool {
		if v.text == "ALWAYS_FORWARD_ONLY" {
			l.report("client-cert-header", v, "Envoy forwards a client's own x-forwarded-client-cert")
		}
		return true
	})
	if at := h.get("request_headers_timeout"); at.duration(0) <= 0 {
		l.report("request-headers-timeout", at, "a client can take any time to send its headers")
	}
	l.hostSpelling(m)
}

// hostSpelling checks that each spelling of a host leads to the same virtual host.
func (l *linter) hostSpelling(m *manager) {
	several := func(config *value) bool { return len(config.get("virtual_hosts").items) > 1 }
	byPort := func(config *value) bool { return several(config) && !config.get("ignore_port_in_host_matching").is() }
	strips := m.hcm.get("strip_any_host_port")
	if slices.ContainsFunc(m.routes, byPort) && !strips.is() && !m.hcm.get("strip_matching_host_port").is() {
		l.report("host-spelling", strips, "ignore_port_in_host_matching and strip_any_host_port are off")
	}
	if at := m.hcm.get("strip_trailing_host_dot"); slices.ContainsFunc(m.routes, several) && !at.is() {
		l.report("host-spelling", at, "strip_trailing_host_dot is off")
	}
}

// underscores is the action for headers with underscores.
func (l *linter) underscores(m *manager) *value {
	return m.hcm.get("common_http_protocol_options", "headers_with_underscores_action")
}

// forwardsUnderscores reports whether Envoy forwards headers with underscores.
func (l *linter) forwardsUnderscores(m *manager) bool { return l.underscores(m).either("ALLOW") }

// ordinaryHeaders are headers that clients, browsers, gRPC-Web and proxies send and
// that carry no identity.
func ordinaryHeaders() []string {
	return []string{
		"authorization", "cookie", "content-type", "content-length", "accept", "user-agent", "origin", "referer", "range", "te",
		"traceparent", "tracestate", "x-request-id", "x-requested-with", "x-csrf-token", "x-forwarded-for", "x-forwarded-proto",
		"x-forwarded-port", "x-real-ip", "x-correlation-id",
		"x-grpc-web", "x-user-agent", "x-auth-token", "x-auth-request-id", "x-api-key", "x-user-preferences",
		"grpc-timeout", "sec-websocket-key", "sec-websocket-protocol", "upgrade", "if-none-match", "idempotency-key",
	}
}

// earlyStrip checks which headers Envoy removes before it reads them.
func (l *linter) earlyStrip(m *manager) {
	extensions := m.hcm.get("early_header_mutation_extensions")
	removed := func(name string) *value { return earlyRemoval(extensions, name) }
	guarded := slices.Concat(l.gate.Identity, l.gate.Overrides)
	missing, spelled := l.notRemoved(m, guarded, func(name string) bool { return removed(name) != nil })
	if len(missing) > 0 {
		l.report("early-strip-missing", extensions, "Envoy keeps %s of clients", some(missing))
	}
	if len(spelled) > 0 {
		l.report("early-strip-spellings", extensions, "Envoy keeps %s of clients", some(spelled))
	}
	for _, name := range append(ordinaryHeaders(), l.gate.Reads...) {
		if at := removed(name); at != nil && !slices.Contains(guarded, name) && !slices.Contains(l.gate.Removed, name) {
			l.report("early-strip-too-wide", at, "Envoy removes %s too", name)
		}
	}
	for _, c := range m.chains {
		for _, i := range c.gate {
			for _, settings := range c.filters[i].inside(extAuthzType) {
				at := settings.get("failure_mode_allow_header_add")
				if at.is() && removed("x-envoy-auth-failure-mode-allowed") == nil {
					l.report("failure-mode-header", at, "Envoy keeps x-envoy-auth-failure-mode-allowed of clients")
				}
			}
		}
	}
}

// notRemoved returns which of the names are not removed, and for the names that are, the
// first spelling that is not.
func (l *linter) notRemoved(m *manager, names []string, removed func(string) bool) (missing, spelled []string) {
	for _, name := range names {
		if !removed(name) {
			missing = append(missing, name)
			continue
		}
		for _, spelling := range spellings(name, l.forwardsUnderscores(m)) {
			if !removed(spelling) {
				spelled = append(spelled, spelling)
				break
			}
		}
	}
	return missing, spelled
}

// earlyRemoval finds the early mutation that removes a header; nil if there is none.
func earlyRemoval(extensions *value, name string) *value {
	for _, one := range extensions.items {
		kind, settings := one.get("typed_config").typed()
		if kind != earlyType {
			continue
		}
		if at := removal(settings.get("mutations"), name); at != nil {
			return at
		}
	}
	return nil
}

// removal finds the mutation of a list that removes a header; nil if there is none.
func removal(mutations *value, name string) *value {
	for _, mutation := range mutations.items {
		if at := mutation.get("remove"); at.there() && strings.EqualFold(at.text, name) {
			return at
		}
		if at := mutation.get("remove_on_match", "key_matcher"); at.there() && at.matches(name) {
			return at
		}
	}
	return nil
}

// some lists the first few names.
func some(names []string) string {
	const most = 6
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

// rewrites reports changes of identity headers after the gate.
func (l *linter) rewrites(c *chain) {
	var levels []*value
	for _, h := range c.hops() {
		levels = append(levels, h.levels...)
	}
	for _, level := range levels {
		for _, at := range level.get("request_headers_to_remove").items {
			if l.isIdentity(at.text) {
				l.report("identity-rewritten", at, "Envoy removes %s after the gate", at.text)
			}
		}
		for _, option := range level.get("request_headers_to_add").items {
			if at := option.get("header", "key"); l.isIdentity(at.text) {
				l.report("identity-rewritten", at, "Envoy sets %s after the gate", at.text)
			}
		}
	}
	first := 0
	if len(c.gate) > 0 {
		first = c.gate[0] + 1
	}
	for _, f := range c.filters[:first] { // the gate does not see trailers, so adding to them counts here too
		for _, settings := range f.configurations() {
			l.appendedTrailers(settings)
		}
	}
	for _, f := range c.filters[first:] {
		f.settings.walk(func(v *value) bool {
			if isField(v, "clear_route_cache") && v.is() {
				l.report("clear-route-cache", v, "a filter after the gate sends the request to another route")
			}
			return true
		})
		for _, settings := range f.configurations() {
			l.filterRewrites(settings)
		}
		for _, level := range levels {
			l.filterRewrites(level.get("typed_per_filter_config").entry(f.name))
		}
	}
	for _, h := range c.hops() {
		for _, list := range l.upstreamFilters(c, h) {
			l.filterRewrites(list)
			for _, filter := range list.items {
				if at := filter.get("config_discovery"); at.there() {
					l.reportFix("not-read", at, dumpFix, "Envoy fetches a filter after the router, which is not in this file")
				}
			}
		}
	}
}

// filterRewrites reports identity headers that a filter after the gate changes.
func (l *linter) filterRewrites(settings *value) {
	settings.walk(func(v *value) bool {
		if changesHeader(v) && l.isIdentity(v.text) {
			l.report("identity-rewritten", v, "a filter after the gate changes %s", v.text)
		}
		if v.isMessage("envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse") {
			l.allowedUpstream(v)
		}
		return !v.isMessage(accessLogType) &&
			!isField(v, "request_trailers_mutations", "response_mutations", "response_trailers_mutations", "response_headers_to_add")
	})
	l.appendedTrailers(settings)
}

// appendedTrailers reports identity headers that a filter adds to request trailers.
func (l *linter) appendedTrailers(settings *value) {
	settings.walk(func(v *value) bool {
		if isField(v, "request_trailers_mutations") {
			for _, mutation := range v.items {
				if at := mutation.get("append", "header", "key"); l.isIdentity(at.text) {
					l.report("identity-rewritten", at, "a filter adds %s to trailers", at.text)
				}
			}
		}
		return true
	})
}

// isField reports whether a value belongs to a field with one of these names.
func isField(v *value, names ...string) bool {
	return v.field != nil && slices.Contains(names, string(v.field.Name()))
}

// allowedUpstream reports identity headers that another authorization server after the
// gate may set.
func (l *linter) allowedUpstream(response *value) {
	for _, list := range []string{"allowed_upstream_headers", "allowed_upstream_headers_to_append"} {
		at := response.get(list)
		for _, name := range l.gate.Identity {
			if at.matchesAny(name) {
				l.report("identity-rewritten", at, "an authorization server after the gate may set %s", name)
				break
			}
		}
	}
}

// changesHeader reports whether a value names a request header that a filter sets or
// removes.
func changesHeader(v *value) bool {
	if v.kind != scalar || v.field == nil {
		return false
	}
	parent, ok := v.field.Parent().(protoreflect.MessageDescriptor)
	return ok && slices.Contains([]string{
		"envoy.config.core.v3.HeaderValue.key", "envoy.config.common.mutation_rules.v3.HeaderMutation.remove",
		"envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.forward_payload_header",
		"envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader.header_name",
		"envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement.verification_status_header",
		"envoy.extensions.filters.http.basic_auth.v3.BasicAuth.forward_username_header",
		"envoy.extensions.filters.http.api_key_auth.v3.Forwarding.header",
		"envoy.extensions.http.injected_credentials.generic.v3.Generic.header",
		"envoy.extensions.filters.http.ip_tagging.v3.IPTagging.IpTagHeader.header",
	}, string(parent.FullName())+"."+string(v.field.Name()))
}

// upstreamFilters returns the filters that a request of a hop takes after the router.
func (l *linter) upstreamFilters(c *chain, h hop) []*value {
	var lists []*value
	for _, f := range c.filters {
		for _, router := range f.inside(routerType) {
			lists = append(lists, router.get("upstream_http_filters"))
		}
	}
	return append(lists, l.clusterOf(h.cluster()).options().get("http_filters"))
}

// isIdentity reports whether a header, in any spelling, is one that only the gate may
// set.
func (l *linter) isIdentity(name string) bool {
	return slices.Contains(l.gate.Identity, identity.Fold(name))
}
