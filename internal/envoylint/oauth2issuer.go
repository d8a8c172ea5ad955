package envoylint

import (
	"net/url"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// oauth2Issuer checks that what the filter and browsers send to the issuer is encrypted: the
// client's secret and codes, which Envoy sends to a cluster whatever the URL says, passwords
// and the ID token.
func (l *linter) oauth2Issuer(filter *value) {
	for _, name := range []string{"authorization_endpoint", "end_session_endpoint"} {
		if at := filter.get(name); inClear(at.text) {
			l.report("oauth2-issuer-plain", at, "browsers get to the issuer by http, and not on this machine")
		}
	}
	endpoint := filter.get("token_endpoint")
	name := endpoint.get("cluster")
	c, known := l.clusters[name.text]
	if !known {
		if l.fetchesClusters && !l.dump {
			l.report("cluster-elsewhere", name, "the cluster %s of the token endpoint is not in this file", name.text)
		} else {
			l.report("oauth2-issuer-missing", name, "the cluster %s is not in this file", name.text)
		}
		return
	}
	for _, socket := range c.sockets() {
		l.issuerSocket(c, socket, endpoint)
	}
}

// sockets returns the transport sockets of a cluster: those that its endpoints choose by their
// metadata, and the one of the others.
func (v *value) sockets() []*value {
	var all []*value
	rest := true
	for _, one := range v.get("transport_socket_matches").items {
		all = append(all, one.get("transport_socket"))
		rest = rest && len(one.get("match").fields) > 0
	}
	if rest {
		all = append(all, v.get("transport_socket"))
	}
	return all
}

// issuerSocket checks one of the transport sockets by which Envoy connects to the issuer.
func (l *linter) issuerSocket(c, socket, endpoint *value) {
	kind, _ := socket.get("typed_config").typed()
	contexts := socket.messages(tlsType)
	name, uri := endpoint.get("cluster").text, endpoint.get("uri").text
	switch {
	case len(contexts) > 0:
		for _, one := range contexts {
			l.issuerTLS(c, one)
		}
	case socket.there() && !strings.Contains(kind, "raw_buffer"): // an unknown transport
	case strings.HasPrefix(uri, "https:"):
		l.report("oauth2-issuer-plain", socket, "the token endpoint is an https URL, and its cluster %s has no TLS", name)
	case l.leaves(name, uri):
		l.report("oauth2-issuer-plain", socket, "the cluster %s of the token endpoint has no TLS, and is not on this machine", name)
	}
}

// issuerTLS checks that Envoy verifies the issuer's certificate, and its name, since a
// certificate of a public authority can be anybody's.
func (l *linter) issuerTLS(c, context *value) {
	common := context.get("common_tls_context")
	validation, combined := common.get("validation_context"), common.get("combined_validation_context")
	fetched := hasAny(common, "validation_context_sds_secret_config", "validation_context_certificate_provider_instance") ||
		hasAny(combined, "validation_context_sds_secret_config", "validation_context_certificate_provider_instance")
	if combined.there() {
		validation = combined.get("default_validation_context")
	}
	named := hasAny(validation, "verify_certificate_hash", "verify_certificate_spki", "custom_validator_config") ||
		namesOne(validation) ||
		context.get("auto_sni_san_validation").is() ||
		c.options().get("upstream_http_protocol_options", "auto_san_validation").is()
	switch {
	case !verifies(common):
		l.report("oauth2-issuer-plain", common.get("validation_context"), "Envoy does not verify the issuer's certificate")
	case !named && !fetched:
		l.report("oauth2-issuer-plain", validation, "Envoy accepts a certificate for any name as the issuer's")
	}
}

// namesOne reports whether a validation context accepts only certificates of one name, or of
// the hosts below one: the pattern of another matcher can fit any name.
func namesOne(validation *value) bool {
	all := slices.Clone(validation.get("match_subject_alt_names").items)
	for _, typed := range validation.get("match_typed_subject_alt_names").items {
		if !typed.get("san_type").either("DNS", "IP_ADDRESS") {
			return false // also matches a certificate that names no host
		}
		all = append(all, typed.get("matcher"))
	}
	wide := func(matcher *value) bool {
		suffix := matcher.get("suffix").text
		return !matcher.get("exact").there() && !(strings.HasPrefix(suffix, ".") && strings.Count(suffix, ".") > 1)
	}
	return len(all) > 0 && !slices.ContainsFunc(all, wide)
}

// leaves reports whether a cluster has an address that is not on this machine; without
// addresses in the file, whether the host of a URL is one.
func (l *linter) leaves(cluster, uri string) bool {
	endpoints := l.endpoints(cluster)
	if len(endpoints) == 0 {
		return inClear(uri)
	}
	return slices.ContainsFunc(endpoints, func(address *value) bool {
		return !address.has("pipe") && !config.LoopbackHost(strings.ToLower(address.get("socket_address", "address").text))
	})
}

// inClear reports whether a URL is an http URL of another machine.
func inClear(text string) bool {
	u, err := url.Parse(text)
	return err == nil && strings.EqualFold(u.Scheme, "http") && !config.LoopbackHost(u.Hostname())
}
