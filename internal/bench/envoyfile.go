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

// seenHeader tells in Envoy's answers who the application would have been told
// that calls.
const seenHeader = "x-seen-user"

// edge is one listener of the Envoy that is measured.
type edge struct {
	Name    string
	Port    string
	Filter  string // YAML of the filter that authenticates; empty: none
	address string
}

// upstream is a server that ext_authz asks.
type upstream struct{ Name, Endpoint string }

// authz is the ext_authz filter of the shipped Envoy file, line for line, but
// for the server that it asks and, in a slim one, which headers it sends.
func authz(cluster string, slim bool) (string, error) {
	file, err := envoy.Bootstrap(envoy.Edit{})
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut(string(file), "- name: envoy.filters.http.ext_authz\n")
	filter, _, end := strings.Cut(rest, "          - name: envoy.filters.http.router\n")
	if !found || !end || strings.Count(filter, "cluster_name: jwtgate") != 1 {
		return "", errors.New("the shipped Envoy file holds no ext_authz filter before its router")
	}
	filter = withoutAllowed(filter)
	const first = "              transport_api_version: V3\n"
	if slim {
		var names strings.Builder
		for _, name := range read() {
			fmt.Fprintf(&names, "                - { exact: %s }\n", name)
		}
		for _, part := range parts() {
			fmt.Fprintf(&names, "                - { contains: %s }\n", part)
		}
		filter = strings.Replace(filter, first, first+"              allowed_headers:\n                patterns:\n"+names.String(), 1)
	}
	return "- name: envoy.filters.http.ext_authz\n" + strings.Replace(filter, "cluster_name: jwtgate", "cluster_name: "+cluster, 1), nil
}

// withoutAllowed takes allowed_headers, and all that is indented below it, out
// of the filter.
func withoutAllowed(filter string) string {
	var kept strings.Builder
	inside := -1 // the indentation of what is taken out
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

// parts stand in the names of identity headers and of overrides in whatever
// spelling, which the gate has to see so that it can remove them. A regular
// expression of them costs Envoy more than the headers that it keeps back.
func parts() []string { return []string{"user", "method", "original", "rewrite"} }

// read are the other headers that the gate reads.
func read() []string {
	return []string{
		"authorization", "origin", "sec-fetch-site", "access-control-request-method", "content-length",
		"transfer-encoding", "content-type", "upgrade", "x-request-id",
	}
}

// jwtFilter is Envoy's own jwt_authn, which sets three headers of a verified
// token's claims. settings are further lines of the provider.
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

// endpoint renders an address for Envoy.
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

// bootstrap renders Envoy's whole file.
func bootstrap(admin string, edges []edge, upstreams []upstream) (string, error) {
	_, port, err := net.SplitHostPort(admin)
	if err != nil {
		return "", err
	}
	t, err := template.New("envoy").Parse(bootstrapTemplate)
	if err != nil {
		return "", fmt.Errorf("read the template of Envoy's file: %w", err)
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{"Admin": port, "Edges": edges, "Upstreams": upstreams, "Seen": seenHeader})
	return b.String(), err
}

// The application is Envoy itself: what is measured is what stands before one.
const bootstrapTemplate = `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: {{.Admin}} } } }
layered_runtime:
  layers:
  - { name: static, static_layer: { re2.max_program_size.error_level: 1000 } }
static_resources:
  listeners:
{{- range .Edges}}
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
                - { header: { key: {{$.Seen}}, value: "%REQ(x-user-id)%" } }
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
    circuit_breakers: { thresholds: [ { max_connections: 1000, max_pending_requests: 10000, max_requests: 10000, max_retries: 1000 } ] }
    load_assignment:
      cluster_name: {{.Name}}
      endpoints: [ { lb_endpoints: [ { endpoint: { address: { {{.Endpoint}} } } } ] } ]
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
{{- end}}
`
