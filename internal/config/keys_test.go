package config_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// everything sets every key.
const everything = `server:
  listen: 127.0.0.1:9001
  tls: {cert_file: F, key_file: F, client_ca_file: F, client_names: []}
  socket_mode: "0660"
  drain_delay: 3s
  max_connections: 1000
admin:
  listen: 127.0.0.1:9002
  hosts: []
cache_dir: DIR
issuers:
  cruddur:
    cognito: us-west-1_6BpkgoczU
    prefix: ""
    replica_regions: []
    clients: [3v5exampleclient]
    token_use: [access, id]
  partner:
    issuer: https://login.partner.example/
    audiences: [orders-api]
    clients: []
    prefix: "partner:"
    token_types: [JWT, at+jwt]
    algorithms: [RS256]
    groups_claim: [groups]
    scopes_claim: [scope, scp]
    leeway: 30s
    max_lifetime: 24h
    dangerously_allow_http: false
    jwks:
      uri: https://keys.partner.example/jwks
      max_keys: 100
      refresh_interval: 15m
      unknown_kid_cooldown: 5s
      max_stale: 24h
      request_timeout: 5s
      ca_file: F
      bearer_file: F
      proxy: none
tokens:
  from: [bearer, {cookie: NAME, origins: []}, {header: NAME}, {websocket_protocol: NAME}]
  forward: false
  max_bytes: 12288
  cache_bytes: 24MiB
identity:
  headers:
    x-user-id: sub
    x-user-name: [cognito:username, username, preferred_username]
    x-user-email: email
    x-user-groups: $groups
    x-user-scopes: $scopes
    x-user-client: $client
    x-user-kind: $kind
    x-user-issuer: $issuer
  strip: [x-user-roles]
  max_value_bytes: 8192
  max_total_bytes: 16384
routes:
  - name: admin
    match: GET,HEAD /admin/{id}/**
    hosts: [api.example]
    access: required
    issuers: [cruddur, partner]
    groups: [admin]
    scopes: [orders/read]
    clients: [billing]
    any_of: [{groups: [sales]}, {issuers: [partner], scopes: [orders/read]}]
    when: token.subject == path.id && "${NOT_EXPANDED}" != ""
    max_auth_age: 1h
    acr: [gold]
    tokens_from: [{query: access_token}]
    forward: false
    end_streams_at_expiry: false
    audit: all
    shadow: false
include: [routes.d/*.yaml]
default: required
cors: {origins: ["https://app.example"], credentials: false, preflight: answer, methods: [GET, PUT],
    headers: [Authorization, content-type], max_age: 10m}
relax: {all: [], hosts: {}}
revoked: {file: F}
audit: {denied: all, allowed: none, to: stderr}
shadow: false
`

// TestEverythingStated: a file that sets every key is valid.
func TestEverythingStated(t *testing.T) { same(t, mistakes(t, everything), nil) }

// TestKeys: the reference contains every key of the file above, with a description.
func TestKeys(t *testing.T) {
	keys := map[string]config.Key{}
	for _, k := range config.Keys() {
		if _, twice := keys[k.Path]; twice {
			t.Errorf("%s is listed twice", k.Path)
		}
		if k.Doc == "" || k.Expected == "" {
			t.Errorf("%s has no description or no expected value: %+v", k.Path, k)
		}
		keys[k.Path] = k
	}
	c, _ := config.Parse("gate.yaml", []byte(everything), nil)
	for _, path := range []string{"server.listen", "issuers.partner.jwks.max_stale", "routes[0].groups", "tokens.from[1].cookie",
		"cors.preflight"} {
		general := strings.NewReplacer("[0]", "[]", "[1]", "[]", ".partner", ".*").Replace(path)
		if _, ok := keys[general]; !ok || c.At(path).Line <= 1 {
			t.Errorf("%s is not in the reference as %s, or not in the file", path, general)
		}
	}
	for _, row := range []config.Key{
		{Path: "server.drain_delay", Default: "3s", Expected: "a duration with its unit, such as 3s, from 0s to 10m"},
		{Path: "routes[].access", Default: "required", Expected: "public, optional, required or deny"},
		{Path: "routes[].when", Expected: "a condition in CEL, such as token.subject == path.id"},
		{Path: "routes[].audit", Expected: "all, none, or 1/N with N from 2 to 1000000"},
		{Path: "audit.denied", Default: "all", Expected: "all, none, or 1/N with N from 2 to 1000000"},
		{Path: "revoked.file", Expected: "the path of a file", Required: true},
		{Path: "include", Expected: "a list of patterns such as [routes.d/*.yaml]"},
		{Path: "server.tls", Expected: "a mapping such as {cert_file: server.pem, key_file: server.key}"},
		{Path: "server.tls.cert_file", Expected: "the path of a PEM file", Required: true},
		{Path: "server.tls.client_names", Expected: "a list such as [spiffe://prod.example/envoy]"},
		{Path: "routes[].groups.all", Expected: "a list such as [admin]", Required: true},
		{Path: "routes[].match", Expected: "[METHOD,...] PATH, such as GET /api/health"},
		{Path: "tokens.from", Default: "[bearer]", Expected: "a list such as [bearer, {cookie: session}]"},
		{Path: "routes[].tokens_from[].query", Expected: "the parameter's name"},
		{Path: "tokens.from[].query"},
		{Path: "issuers.*.jwks.proxy", Default: "none", Expected: "none, environment, or a URL such as http://proxy.example:3128"},
	} {
		got := keys[row.Path]
		if got.Default != row.Default || got.Expected != row.Expected || got.Required != row.Required {
			t.Errorf("%s is %+v, want %+v", row.Path, got, row)
		}
	}
}
