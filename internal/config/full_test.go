package config_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// full sets every key of this version, in a realistic file.
const full = `server:
  listen: 127.0.0.1:9001
  tls: {cert_file: server.pem, key_file: /etc/jwtgate/server.key, client_ca_file: ca.pem, client_names: []}
  socket_mode: "0660"
  drain_delay: 3s
  max_connections: 1000
admin:
  listen: 127.0.0.1:9002
  hosts: []
cache_dir: /var/cache/jwtgate

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
    token_use: [access]
    bound_tokens: refuse
    email_verified: required
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
      ca_file: /etc/jwtgate/ca.pem
      bearer_file: /var/run/keys.token
      proxy: none

tokens:
  from: [bearer]
  forward: false
  max_bytes: 12288

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
  strip_cookies: [prefs, 'track*']
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
    when: token.subject == path.id
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
revoked: {file: revoked.jsonl}
audit:
  denied: all
  allowed: none
  to: stderr
  redact: {fields: [subject, path], mode: hash, key_file: audit.key}
shadow: false
`

// TestFull: a file that sets every key loads, and each value is in the right field.
func TestFull(t *testing.T) {
	dir := testutil.Files(
		t,
		map[string]string{"gate.yaml": full, "routes.d/shop.yaml": "hosts: [shop.example]\nroutes: [{match: /cart}]\n"},
	)
	c, problem, warned := load(t, dir)
	same(t, problem, nil)
	same(t, warned, []string{"22:5: issuers.partner.clients is an empty list, so the audience of a token is checked, but not its client"})
	recorded := config.Sampling{Denied: 1}
	keys := config.JWKS{MaxKeys: 100, RefreshInterval: 15 * time.Minute, UnknownKIDCooldown: 5 * time.Second, MaxStale: 24 * time.Hour,
		RequestTimeout: 5 * time.Second, Proxy: "none"}
	cruddur, partner := keys, keys
	cruddur.URI = "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU/.well-known/jwks.json"
	partner.URI, partner.CAFile = "https://keys.partner.example/jwks", "/etc/jwtgate/ca.pem"
	partner.BearerFile = "/var/run/keys.token"
	compare(t, []valueRow{
		{"server", c.Server, config.Server{Listen: "127.0.0.1:9001", TLS: config.TLS{
			CertFile: filepath.Join(dir, "server.pem"), KeyFile: "/etc/jwtgate/server.key", ClientCAFile: filepath.Join(dir, "ca.pem"),
			ClientNames: []string{},
		}, SocketMode: 0o660, DrainDelay: 3 * time.Second, MaxConnections: 1000}},
		{"admin", c.Admin, config.Admin{Listen: "127.0.0.1:9002", Hosts: []string{}}},
		{"cache_dir", c.CacheDir, "/var/cache/jwtgate"},
		{"issuers", c.Issuers, []config.Issuer{
			{Name: "cruddur", Path: "issuers.cruddur",
				ISS: []string{
					"https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU",
					"https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU",
				},
				Cognito:  &config.Cognito{Pool: "us-west-1_6BpkgoczU", Region: "us-west-1"},
				TokenUse: []string{"access", "id"},
				Clients:  []string{"3v5exampleclient"}, TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"RS256"},
				SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id"},
				GroupsClaim: []string{"cognito:groups"}, ScopesClaim: []string{"scope", "scp"}, Leeway: 30 * time.Second, JWKS: cruddur},
			{Name: "partner", Path: "issuers.partner", ISS: []string{"https://login.partner.example/"}, Prefix: "partner:",
				Audiences: []string{
					"orders-api",
				}, TokenUse: []string{"access"}, TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"RS256"},
				SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id", "azp", "cid", "appid"},
				GroupsClaim: []string{
					"groups",
				}, ScopesClaim: []string{"scope", "scp"}, Leeway: 30 * time.Second, MaxLifetime: 24 * time.Hour,
				JWKS: partner},
		}},
		{"tokens", c.Tokens, config.Tokens{From: fromBearer(), MaxBytes: 12288, CacheBytes: 24 << 20}},
		{"identity", c.Identity, config.Identity{
			Headers: defaultHeaders(), Strip: []string{"x-user-roles"}, MaxValueBytes: 8192, MaxTotalBytes: 16384,
			StripCookies: []config.CookieName{"prefs", "track*"},
		}},
		{"routes", c.Routes, []config.Route{
			{
				Name: "admin", Path: "routes[0]", Match: "GET,HEAD /admin/{id}/**", Hosts: []string{"api.example"}, Access: config.AccessRequired,
				TokensFrom: []config.TokenSource{
					{Kind: config.SourceQuery, Name: "access_token"},
				}, Audit: config.Sampling{Denied: 1, Allowed: 1},
				Requirement: config.Requirement{
					Alternative: config.Alternative{
						Issuers: []string{"cruddur", "partner"}, Groups: config.Choice{Any: []string{"admin"}},
						Scopes: config.Choice{Any: []string{"orders/read"}}, Clients: config.Choice{Any: []string{"billing"}},
					},
					AnyOf: []config.Alternative{
						{Groups: config.Choice{Any: []string{"sales"}}},
						{Issuers: []string{"partner"}, Scopes: config.Choice{Any: []string{"orders/read"}}},
					},
					MaxAuthAge: time.Hour, ACR: []string{"gold"}, When: "token.subject == path.id",
				},
			},
			{
				Name:       "/cart",
				Path:       "routes.d/shop.yaml: routes[0]",
				Match:      "/cart",
				Hosts:      []string{"shop.example"},
				Access:     config.AccessRequired,
				TokensFrom: fromBearer(),
				Audit:      recorded,
			},
		}},
		{"default", c.Default, config.AccessRequired},
		{"cors", c.CORS, config.CORS{
			Origins: []string{"https://app.example"}, Preflight: config.PreflightAnswer,
			Methods: []string{"GET", "PUT"}, Headers: []string{"authorization", "content-type"}, MaxAge: 10 * time.Minute,
		}},
		{"relax", c.Relax, config.Relax{All: []config.Relaxation{}}},
		{"revoked", c.RevokedFile, filepath.Join(dir, "revoked.jsonl")},
		{"audit", c.Audit, config.Audit{Sampling: recorded, To: config.AuditStderr, Redact: config.Redact{
			Fields: []config.RedactField{config.RedactSubject, config.RedactPath}, Mode: config.RedactHash,
			KeyFile: filepath.Join(dir, "audit.key"),
		}}},
		{"shadow", c.Shadow, false},
	})
}

// TestRouteSettings: a route can override settings of the file.
func TestRouteSettings(t *testing.T) {
	const rest = "audit: {denied: 1/2, allowed: 1/3}\nshadow: true\n"
	c := parse(t, pool+rest+`routes:
  - {match: /inherits}
  - {match: /all, audit: all, shadow: false}
  - {match: /none, audit: none}
  - {match: /some, audit: 1/1000000, end_streams_at_expiry: true}
  - {match: /public, access: public, audit: 1/2}
  - {name: by-envoy, hosts: [a.example]}
  - {name: by-envoy too, access: deny}
`)
	type setting struct {
		name, match string
		audit       config.Sampling
		shadow, end bool
	}
	var got []setting
	for _, r := range c.Routes {
		got = append(got, setting{r.Name, r.Match, r.Audit, r.Shadow, r.EndStreamsAtExpiry})
	}
	compare(t, []valueRow{{"routes", got, []setting{
		{"/inherits", "/inherits", config.Sampling{Denied: 2, Allowed: 3}, true, false},
		{"/all", "/all", config.Sampling{Denied: 1, Allowed: 1}, false, false},
		{"/none", "/none", config.Sampling{}, true, false},
		{"/some", "/some", config.Sampling{Denied: 1_000_000, Allowed: 1_000_000}, true, true},
		{"/public", "/public", config.Sampling{Denied: 2, Allowed: 2}, true, false},
		{"by-envoy", "", config.Sampling{Denied: 2, Allowed: 3}, true, false},
		{"by-envoy too", "", config.Sampling{Denied: 2, Allowed: 3}, true, false},
	}}})
}

func TestSettingMistakes(t *testing.T) {
	const rate = "; expected all, none, or 1/N with N from 2 to 1000000"
	check(t, []file{
		{"one in one", pool + "audit: {denied: 1/1}\n", []string{`2:17: audit.denied is invalid: got "1/1"` + rate}},
		{"one in too many", pool + "audit: {allowed: 1/1000001}\n", []string{`2:18: audit.allowed is invalid: got "1/1000001"` + rate}},
		{"two in three", pool + "audit: {allowed: 2/3}\n", []string{`2:18: audit.allowed is invalid: got "2/3"` + rate}},
		{"a number alone", pool + "audit: {allowed: '3'}\n", []string{`2:18: audit.allowed is invalid: got "3"` + rate}},
		{"a leading zero", pool + "routes: [{match: /a, audit: 1/02}]\n", []string{`2:29: routes[0].audit is invalid: got "1/02"` + rate}},
		{"a share", pool + "routes: [{match: /a, audit: 0.1}]\n", []string{`2:29: routes[0].audit is not a string: got 0.1` + rate}},
		{"truth", pool + "audit: {denied: true}\n", []string{`2:17: audit.denied is not a string: got true` + rate}},
		{"a mapping for a route's audit", pool + "routes: [{match: /a, audit: {denied: all}}]\n",
			[]string{`2:22: routes[0].audit is a mapping` + rate}},
		{"another target", pool + "audit: {to: /var/log/audit}\n",
			[]string{`2:13: audit.to is invalid: got "/var/log/audit"; expected stderr or stdout`}},
		{"redacted without a mode", pool + "audit: {redact: {fields: [subject]}}\n",
			[]string{`2:9: audit.redact.mode is missing; expected omit or hash`}},
		{"redacted without fields", pool + "audit: {redact: {fields: [], mode: omit}}\n",
			[]string{`2:18: audit.redact.fields is an empty list; set it to a list such as [subject, source, path], or remove the key`}},
		{"another field redacted", pool + "audit: {redact: {fields: [host], mode: omit}}\n",
			[]string{`2:27: audit.redact.fields[0] is invalid: got "host"; expected subject, source or path`}},
		{"a hash without a key", pool + "audit: {redact: {fields: [path], mode: hash}}\n",
			[]string{`2:40: audit.redact.mode is hash, and key_file is missing; expected the path of a file with at least 32 bytes; ` +
				`hint: openssl rand -hex 32 > audit.key`}},
		{"a hash with an empty key", pool + "audit: {redact: {fields: [path], mode: hash, key_file: ''}}\n",
			[]string{`2:56: audit.redact.key_file is empty; expected the path of a file`}},
		{"a key without a hash", pool + "audit: {redact: {fields: [path], mode: omit, key_file: a.key}}\n",
			[]string{`2:56: audit.redact.key_file has no effect, because mode is omit; remove it, or write mode: hash`}},
		{"audit as a word", pool + "audit: all\n",
			[]string{`2:8: audit is the single value "all"; expected a mapping such as {denied: all, allowed: 1/100}`}},
		{"shadow as a word", pool + "shadow: on\nroutes: [{match: /a, shadow: 'true'}]\n", []string{
			`2:9: shadow is invalid: got "on"; expected true or false, without quotes`,
			`3:30: routes[0].shadow is invalid: got "true"; expected true or false, without quotes`}},
		{"streams as a word", pool + "routes: [{match: /a, end_streams_at_expiry: 1}]\n", []string{
			`2:45: routes[0].end_streams_at_expiry is invalid: got "1"; expected true or false, without quotes`}},
		{"streams of a public route", pool + "routes: [{match: /a, access: public, end_streams_at_expiry: true}]\n",
			[]string{`2:61: routes[0].end_streams_at_expiry has no effect, because a route that is public reads no token; remove it`}},
		{"streams of a shut route", pool + "routes: [{match: /a, access: deny, end_streams_at_expiry: false}]\n",
			[]string{`2:59: routes[0].end_streams_at_expiry has no effect, because a route that is deny reads no token; remove it`}},
		{"streams of an optional route", pool + "routes: [{match: /a, access: optional, end_streams_at_expiry: true}]\n", nil},
		{"revoked as a word", pool + "revoked: list.jsonl\n",
			[]string{`2:10: revoked is the single value "list.jsonl"; expected a mapping such as {file: revoked.jsonl}`}},
		{"revoked without a file", pool + "revoked: {}\n", []string{`2:1: revoked.file is missing; expected the path of a file`}},
		{
			"revoked with an empty file",
			pool + "revoked: {file: ''}\n",
			[]string{`2:17: revoked.file is empty; expected the path of a file`},
		},
		{"any origin", pool + "cors: {origins: ['*']}\n",
			[]string{`2:18: cors.origins[0] is "*", which would allow every site; list each origin, such as https://app.example`}},
		{"an origin with a path", pool + "cors: {origins: ['https://a.example/x'], credentials: true}\n", []string{
			`2:18: cors.origins[0] has a path: got "https://a.example/x"; expected an origin such as https://app.example or http://localhost:3000`}},
		{"an origin twice", pool + "cors: {origins: ['https://a.example', 'https://a.example']}\n",
			[]string{`2:39: cors.origins[1] repeats an earlier item; remove it`}},
		{"credentials for nobody", pool + "cors: {credentials: true}\n",
			[]string{`2:21: cors.credentials has no effect without origins; set origins, or remove it`}},
		{"credentials for none", pool + "cors: {origins: [], credentials: true}\n",
			[]string{`2:34: cors.credentials has no effect without origins; set origins, or remove it`}},
		{"no credentials", pool + "cors: {credentials: false}\n", nil},
	})
}

// TestShadowWithoutUse: shadow on a route that reads no token is only a warning,
// because it allows nothing.
func TestShadowWithoutUse(t *testing.T) {
	for _, access := range []string{"public", "deny"} {
		c := parse(t, pool+"routes: [{match: /a, shadow: true, access: "+access+"}]\n")
		same(t, lines(c.Warnings), []string{"2:30: routes[0].shadow has no effect, because a route that is " + access +
			" checks no credential, token or requirement; remove it"})
	}
	all := "routes: [{match: /a, access: public}, {match: /b, shadow: true}, {match: /c, shadow: true, access: optional}]\n"
	same(t, lines(parse(t, pool+"shadow: true\n"+all).Warnings), nil)
}
