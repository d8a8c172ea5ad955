package envoylint

import (
	"slices"
	"strings"
)

// protocolOptions is the message of a cluster's HTTP options.
const protocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// cluster checks the cluster of the gate's replicas.
func (l *linter) cluster(at *value) {
	name := at.text
	c, ok := l.clusters[name]
	if !ok {
		l.report("gate-cluster-elsewhere", at, "the gate's cluster %s is not in this file", name)
		return
	}
	checks := c.get("health_checks")
	if !slices.ContainsFunc(checks.items, func(one *value) bool { return one.get("grpc_health_check").there() }) {
		l.report("no-health-check", checks, "Envoy does not check whether a replica serves")
	} else if threshold := c.get("common_lb_config", "healthy_panic_threshold"); !threshold.there() || threshold.get("value").number(0) > 0 {
		l.report("panic-threshold", threshold, "Envoy calls replicas that it knows to be unhealthy")
	}
	l.breakers(c)
	l.lookup(c)
	if !usesHTTP2(c) {
		l.report("http2-missing", c, "the cluster %s uses HTTP/1.1", name)
	}
	l.tls(c)
}

// breakers checks how many requests Envoy may retry at the same time.
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
		l.report("max-retries", retries, "Envoy retries at most %.0f requests at the same time", retries.number(3))
	}
}

// lookup checks how Envoy resolves the replicas' addresses.
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
			l.report("dns-family", family, "Envoy resolves localhost to ::1 first")
		}
		if pipe := address.get("pipe"); byName && pipe.there() {
			l.report("unix-static", kind, "Envoy resolves the path of a socket as a host name")
		}
	}
}

// clusterOf returns the cluster with a name; missing if the file does not have it.
func (r *resources) clusterOf(name string) *value {
	if cluster, ok := r.clusters[name]; ok {
		return cluster
	}
	return &value{}
}

// extension returns the extension that makes a cluster: the full name of its type, and
// its configuration.
func (v *value) extension() (kind string, settings *value) {
	return v.get("cluster_type", "typed_config").typed()
}

// options returns the HTTP options of a cluster.
func (v *value) options() *value {
	_, options := v.get("typed_extension_protocol_options").entry(protocolOptions).typed()
	return options
}

// usesHTTP2 reports whether Envoy uses HTTP/2 to a cluster.
func usesHTTP2(c *value) bool {
	options := c.options()
	return c.get("http2_protocol_options").there() || slices.ContainsFunc(
		[]string{"explicit_http_config", "use_downstream_protocol_config", "auto_config"},
		func(way string) bool { return options.get(way, "http2_protocol_options").there() },
	)
}

// tls checks that the cluster's TLS settings fit the gate's.
func (l *linter) tls(c *value) {
	if c.get("transport_socket_matches").there() {
		return // a mesh selects the transport by endpoint
	}
	socket := c.get("transport_socket")
	kind, context := socket.get("typed_config").typed()
	usesTLS := context.isMessage(tlsType)
	common := &value{}
	if usesTLS {
		common = context.get("common_tls_context")
	}
	switch {
	case socket.there() && !usesTLS && !strings.Contains(kind, "raw_buffer"):
		return // an unknown transport
	case l.gate.TLS && !usesTLS:
		l.report("gate-tls", socket, "jwtgate has server.tls, and Envoy calls it without TLS")
		return
	case !l.gate.TLS && usesTLS:
		l.report("gate-tls", socket, "jwtgate has no server.tls, and Envoy calls it by TLS")
		return
	case !usesTLS:
		return
	}
	if l.gate.ClientTLS && !hasAny(common, "tls_certificates", "tls_certificate_sds_secret_configs",
		"tls_certificate_provider_instance", "custom_tls_certificate_selector") {
		l.report("gate-tls", common.get("tls_certificates"), "jwtgate has client_ca_file, and Envoy has no client certificate")
	}
	alpn := common.get("alpn_protocols")
	offersH2 := slices.ContainsFunc(alpn.items, func(one *value) bool { return one.text == "h2" })
	if automatic := c.options().get("auto_config").there(); !offersH2 && !automatic {
		l.report("gate-tls", alpn, "Envoy does not offer h2 in its handshake, which jwtgate requires")
	}
	if !verifies(common) {
		l.report("gate-unverified", common.get("validation_context"), "Envoy does not verify the gate's certificate")
	}
}

// verifies reports whether a TLS context verifies the server's certificate.
func verifies(common *value) bool {
	own, combined := common.get("validation_context"), common.get("combined_validation_context")
	for _, one := range []*value{own, combined.get("default_validation_context")} {
		if one.get("trust_chain_verification").either("ACCEPT_UNTRUSTED") {
			return false
		}
	}
	return combined.there() || hasAny(common, "validation_context_sds_secret_config", "validation_context_certificate_provider_instance") ||
		hasAny(own, "trusted_ca", "system_root_certs", "ca_certificate_provider_instance",
			"verify_certificate_hash", "verify_certificate_spki", "custom_validator_config")
}

func hasAny(v *value, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return v.get(name).there() })
}
