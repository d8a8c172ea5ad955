package envoylint

import (
	"slices"
	"strings"
)

// protocolOptions are how a cluster is spoken to.
const protocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// cluster looks at the cluster of the gate's replicas.
func (l *linter) cluster(at *value) {
	name := at.text
	c, ok := l.clusters[name]
	if !ok {
		l.report("gate-cluster-elsewhere", at, "the cluster %s, where the gate is, is not in this file", name)
		return
	}
	if at := c.get("health_checks"); !slices.ContainsFunc(at.items, func(check *value) bool { return check.get("grpc_health_check").there() }) {
		l.report("no-health-check", at, "nobody asks a replica whether it serves")
	} else if threshold := c.get("common_lb_config", "healthy_panic_threshold"); !threshold.there() || threshold.get("value").number(0) > 0 {
		l.report("panic-threshold", threshold, "Envoy goes back to replicas that it knows to be away")
	}
	l.breakers(c)
	l.lookup(c)
	if !speaksHTTP2(c) {
		l.report("http2-missing", c, "the cluster %s speaks HTTP/1.1", name)
	}
	l.tls(c)
}

// breakers looks at how many requests may be tried again at a time.
func (l *linter) breakers(c *value) {
	at := c.get("circuit_breakers", "thresholds")
	for _, one := range at.items {
		if one.get("priority").either("DEFAULT") {
			at = one
		}
	}
	if at.get("retry_budget").there() {
		return
	}
	if retries := at.get("max_retries"); retries.number(3) < 100 {
		l.report("max-retries", retries, "%.0f requests may be tried again at a time", retries.number(3))
	}
}

// lookup looks at how the replicas' addresses are found.
func (l *linter) lookup(c *value) {
	kind := c.get("type")
	byName := kind.either("STRICT_DNS", "LOGICAL_DNS")
	family := c.get("dns_lookup_family")
	if name, extension := c.extension(); short(name) == "DnsCluster" {
		byName, family = true, extension.get("dns_lookup_family")
	}
	for _, address := range l.endpoints(c.get("name").text) {
		host := address.get("socket_address", "address")
		if byName && host.text == "localhost" && family.either("AUTO", "UNSPECIFIED", "V6_ONLY") {
			l.report("dns-family", family, "localhost is looked up as ::1 first")
		}
		if pipe := address.get("pipe"); byName && pipe.there() {
			l.report("unix-static", kind, "a socket's path is looked up as a name")
		}
	}
}

// clusterOf is the cluster of a name; missing if the file does not have it.
func (r *resources) clusterOf(name string) *value {
	if cluster, ok := r.clusters[name]; ok {
		return cluster
	}
	return &value{}
}

// extension is what a cluster of a type of its own is made by: the full name of the
// type and its configuration.
func (v *value) extension() (kind string, settings *value) {
	return v.get("cluster_type", "typed_config").typed()
}

// options are the HTTP options of a cluster.
func (v *value) options() *value {
	_, options := v.get("typed_extension_protocol_options").exactly(protocolOptions).typed()
	return options
}

// speaksHTTP2 reports whether a cluster is spoken to in HTTP/2.
func speaksHTTP2(c *value) bool {
	options := c.options()
	return c.get("http2_protocol_options").there() || slices.ContainsFunc(
		[]string{"explicit_http_config", "use_downstream_protocol_config", "auto_config"},
		func(way string) bool { return options.get(way, "http2_protocol_options").there() },
	)
}

// tls holds the cluster's transport to the gate's.
func (l *linter) tls(c *value) {
	if c.get("transport_socket_matches").there() {
		return // a mesh decides by the endpoint
	}
	socket := c.get("transport_socket")
	kind, context := socket.get("typed_config").typed()
	speaks := context.isMessage(tlsType)
	common := &value{}
	if speaks {
		common = context.get("common_tls_context")
	}
	switch {
	case socket.there() && !speaks && !strings.Contains(kind, "raw_buffer"):
		return // another transport, which is not ours to judge
	case l.gate.TLS && !speaks:
		l.report("gate-tls", socket, "jwtgate has server.tls, and Envoy asks it without TLS")
		return
	case !l.gate.TLS && speaks:
		l.report("gate-tls", socket, "jwtgate has no server.tls, and Envoy asks it by TLS")
		return
	case !speaks:
		return
	}
	if l.gate.ClientTLS && !hasAny(common, "tls_certificates", "tls_certificate_sds_secret_configs", "tls_certificate_provider_instance", "custom_tls_certificate_selector") {
		l.report("gate-tls", common.get("tls_certificates"), "jwtgate has client_ca_file, and Envoy no certificate to show")
	}
	if alpn := common.get("alpn_protocols"); !slices.ContainsFunc(alpn.items, func(one *value) bool { return one.text == "h2" }) && !autoALPN(c) {
		l.report("gate-tls", alpn, "Envoy does not offer h2 in its handshake, without which jwtgate takes no connection")
	}
	if !verifies(common) {
		l.report("gate-unverified", common.get("validation_context"), "nobody checks that it is the gate who answers")
	}
}

// autoALPN reports whether Envoy offers the protocols of a cluster by itself.
func autoALPN(c *value) bool {
	return c.options().get("auto_config").there()
}

// verifies reports whether a TLS context looks at who is on the other side.
func verifies(common *value) bool {
	context := common.get("validation_context")
	if combined := common.get("combined_validation_context"); combined.there() {
		return true
	}
	return hasAny(common, "validation_context_sds_secret_config", "validation_context_certificate_provider_instance") ||
		hasAny(context, "trusted_ca", "system_root_certs", "ca_certificate_provider_instance", "verify_certificate_hash", "verify_certificate_spki", "custom_validator_config")
}

func hasAny(v *value, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return v.get(name).there() })
}
