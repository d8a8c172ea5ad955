package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"text/template"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// userHeader is the header of Envoy's answers with the user that the application
// would get.
const userHeader = "x-seen-user"

// listener is one listener of Envoy.
type listener struct {
	Name   string
	Port   string
	Filter string // YAML of the authentication filter; empty: none
}

// upstream is a server that ext_authz calls.
type upstream struct{ Name, Endpoint string }

// extAuthz returns the ext_authz filter of the shipped Envoy file. Only the
// cluster differs, and with slim the headers that it sends.
func extAuthz(cluster string, slim bool) (string, error) {
	file, err := envoy.Bootstrap(envoy.Edit{})
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut(string(file), "- name: envoy.filters.http.ext_authz\n")
	filter, _, end := strings.Cut(rest, "          - name: envoy.filters.http.router\n")
	if !found || !end || strings.Count(filter, "cluster_name: jwtgate") != 1 {
		return "", errors.New("the shipped Envoy file has no ext_authz filter before its router")
	}
	filter = withoutAllowedHeaders(filter)
	const first = "              transport_api_version: V3\n"
	if slim {
		var names strings.Builder
		for _, name := range headersRead() {
			fmt.Fprintf(&names, "                - { exact: %s }\n", name)
		}
		for _, part := range nameParts() {
			fmt.Fprintf(&names, "                - { contains: %s }\n", part)
		}
		filter = strings.Replace(filter, first,
			first+"              allowed_headers:\n                patterns:\n"+names.String(), 1)
	}
	filter = strings.Replace(filter, "cluster_name: jwtgate", "cluster_name: "+cluster, 1)
	return "- name: envoy.filters.http.ext_authz\n" + filter, nil
}

// withoutAllowedHeaders removes allowed_headers, and everything that is indented
// below it, from the filter.
func withoutAllowedHeaders(filter string) string {
	var kept strings.Builder
	inside := -1 // the indentation of what is removed
	for line := range strings.Lines(filter) {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if inside >= 0 && indent > inside {
			continue
		}
		inside = -1
		if strings.HasPrefix(strings.TrimSpace(line), "allowed_headers:") {
			inside = indent
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// nameParts returns parts of the names of identity headers and of overrides, in
// any spelling. The gate must get these headers so that it can remove them. A
// regular expression would cost Envoy more than it saves.
func nameParts() []string { return []string{"user", "method", "original", "rewrite"} }

// headersRead returns the other headers that the gate reads.
func headersRead() []string {
	return []string{
		"authorization", "origin", "sec-fetch-site", "access-control-request-method", "content-length",
		"transfer-encoding", "content-type", "upgrade", "x-request-id",
	}
}

// jwtFilter returns Envoy's jwt_authn filter, which sets three headers from the
// claims of a verified token. settings are further lines of the provider.
func jwtFilter(jwks []byte, settings ...string) string {
	lines := append([]string{
		"issuer: " + sample.Issuer,
		"local_jwks: { inline_string: '" + string(jwks) + "' }",
		"claim_to_headers:",
		"- { header_name: x-user-id, claim_name: sub }",
		"- { header_name: x-user-name, claim_name: username }",
		"- { header_name: x-user-client, claim_name: client_id }",
	}, settings...)
	return "- name: envoy.filters.http.jwt_authn\n            typed_config:\n" +
		"              \"@type\": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication\n" +
		"              providers:\n                measured:\n                  " + strings.Join(lines, "\n                  ") + "\n" +
		"              rules:\n              - { match: { prefix: / }, requires: { provider_name: measured } }\n"
}

// endpoint returns an address in Envoy's configuration.
func endpoint(network, address string) (string, error) {
	if network == "unix" {
		return fmt.Sprintf("pipe: { path: %q }", address), nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("socket_address: { address: %s, port_value: %s }", host, port), nil
}

// bootstrap returns the whole configuration file of Envoy.
func bootstrap(admin string, listeners []listener, upstreams []upstream) (string, error) {
	_, port, err := net.SplitHostPort(admin)
	if err != nil {
		return "", err
	}
	t, err := template.New("envoy").Parse(bootstrapTemplate)
	if err != nil {
		return "", fmt.Errorf("parse the template of Envoy's file: %w", err)
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{"Admin": port, "Listeners": listeners, "Upstreams": upstreams, "User": userHeader})
	return b.String(), err
}

// Envoy itself answers for the application, whose cost is not measured.
const bootstrapTemplate = `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: {{.Admin}} } } }
layered_runtime:
  layers:
  - { name: static, static_layer: { re2.max_program_size.error_level: 1000 } }
static_resources:
  listeners:
{{- range .Listeners}}
  - name: {{.Name}}
    address: { socket_address: { address: 127.0.0.1, port_value: {{.Port}} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {{.Name}}
          codec_type: HTTP2
          use_remote_address: true
          normalize_path: true
          route_config:
            virtual_hosts:
            - name: app
              domains: [ "*" ]
              routes:
              - match: { prefix: / }
                direct_response: { status: 200 }
                response_headers_to_add:
                - { header: { key: {{$.User}}, value: "%REQ(x-user-id)%" } }
          http_filters:
          {{.Filter}}
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
{{- end}}
  clusters:
{{- range .Upstreams}}
  - name: {{.Name}}
    type: STATIC
    connect_timeout: 1s
    circuit_breakers:
      thresholds: [ { max_connections: 1000, max_pending_requests: 10000, max_requests: 10000, max_retries: 1000 } ]
    load_assignment:
      cluster_name: {{.Name}}
      endpoints: [ { lb_endpoints: [ { endpoint: { address: { {{.Endpoint}} } } } ] } ]
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
{{- end}}
`
