package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// shortest is the shortest useful configuration.
const shortest = `issuers:
  cruddur: {cognito: us-west-1_6BpkgoczU, clients: [3v5exampleclient]}
routes:
  - {match: GET /api/health,          access: public}
  - {match: GET /api/activities/home, access: optional, if_invalid: anonymous}
  - {match: /api/admin/**,            groups: [admin]}
  - {match: 'PUT /api/users/{id}/**'}
`

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwtgate.yaml")
	if err := os.WriteFile(file, []byte(shortest), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(shortest))
	if !slices.Equal(c.Files, []string{file}) {
		t.Errorf("files are %q", c.Files)
	}
	if c.Source != file || c.Hash != hex.EncodeToString(sum[:]) {
		t.Errorf("source %q and hash %q, want the file's own", c.Source, c.Hash)
	}
	want := []config.Route{
		{Name: "GET /api/health", Path: "routes[0]", Match: "GET /api/health", Access: config.AccessPublic, TokensFrom: fromBearer(),
			Audit: denials()},
		{Name: "GET /api/activities/home", Path: "routes[1]", Match: "GET /api/activities/home", Access: config.AccessOptional,
			AnonymousIfInvalid: true, TokensFrom: fromBearer(), Audit: denials()},
		{Name: "/api/admin/**", Path: "routes[2]", Match: "/api/admin/**", Access: config.AccessRequired, TokensFrom: fromBearer(),
			Audit:       denials(),
			Requirement: config.Requirement{Alternative: config.Alternative{Groups: config.Choice{Any: []string{"admin"}}}}},
		{Name: "PUT /api/users/{id}/**", Path: "routes[3]", Match: "PUT /api/users/{id}/**", Access: config.AccessRequired,
			TokensFrom: fromBearer(), Audit: denials()},
	}
	if !reflect.DeepEqual(c.Routes, want) {
		t.Errorf("routes are\n%+v\nwant\n%+v", c.Routes, want)
	}
	if len(c.Warnings) != 0 {
		t.Errorf("unexpected warnings: %v", c.Warnings)
	}
}

func TestLoadUnreadable(t *testing.T) {
	for name, file := range map[string]string{
		"absent":      filepath.Join(t.TempDir(), "absent.yaml"),
		"a directory": t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(file, nil)
			var mistakes config.Mistakes
			var path *fs.PathError
			if c != nil || errors.As(err, &mistakes) || !errors.As(err, &path) || path.Path != file {
				t.Errorf("config %v and error %v, want a path error that names the file", c, err)
			}
		})
	}
}

// TestDefaults checks every default of a file that sets nothing.
func TestDefaults(t *testing.T) {
	c := parse(t, `
issuers:
  pool: {cognito: us-west-1_6BpkgoczU, clients: [web], prefix: ""}
  other: {issuer: "https://login.example/", audiences: [api], prefix: "o:"}
routes: [{match: /a}]
`)
	keys := config.JWKS{
		MaxKeys: 100, RefreshInterval: 15 * time.Minute, UnknownKIDCooldown: 5 * time.Second, MaxStale: 24 * time.Hour,
		RequestTimeout: 5 * time.Second, Proxy: "none",
	}
	poolKeys := keys
	poolKeys.URI = "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU/.well-known/jwks.json"
	compare(t, []valueRow{
		{"server", c.Server, config.Server{Listen: "127.0.0.1:9001", SocketMode: 0o660, DrainDelay: 3 * time.Second, MaxConnections: 1000}},
		{"admin", c.Admin, config.Admin{Listen: "127.0.0.1:9002"}},
		{"cache_dir", c.CacheDir, ""},
		{"tokens", c.Tokens, config.Tokens{From: fromBearer(), MaxBytes: 12288, CacheBytes: 24 << 20}},
		{"identity", c.Identity, config.Identity{Headers: defaultHeaders(), MaxValueBytes: 8192, MaxTotalBytes: 16384}},
		{"route", c.Routes[0], config.Route{Name: "/a", Path: "routes[0]", Match: "/a", Access: config.AccessRequired, TokensFrom: fromBearer(),
			Audit: denials()}},
		{"default", c.Default, config.AccessRequired},
		{"cors", c.CORS, config.CORS{Preflight: config.PreflightCheck, MaxAge: 10 * time.Minute}},
		{"relax", c.Relax, config.Relax{}},
		{"revoked", c.RevokedFile, ""},
		{"audit", c.Audit, config.Audit{Sampling: denials(), To: config.AuditStderr}},
		{"shadow", c.Shadow, false},
		{"files", c.Files, []string{"gate.yaml"}},
		{"a Cognito issuer", c.Issuers[0], config.Issuer{
			Name: "pool", Path: "issuers.pool",
			ISS: []string{
				"https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU",
				"https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU",
			},
			Cognito:  &config.Cognito{Pool: "us-west-1_6BpkgoczU", Region: "us-west-1"},
			TokenUse: []string{"access", "id"},
			Clients:  []string{"web"}, TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"RS256"},
			SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id"},
			GroupsClaim: []string{"cognito:groups"}, ScopesClaim: []string{"scope", "scp"},
			Leeway: 30 * time.Second, JWKS: poolKeys,
		}},
		{"an OIDC issuer", c.Issuers[1], config.Issuer{
			Name: "other", Path: "issuers.other", ISS: []string{"https://login.example/"}, Prefix: "o:",
			Audiences: []string{"api"}, TokenUse: []string{"access"}, TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"RS256"},
			SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id", "azp", "cid", "appid"},
			GroupsClaim: []string{"groups"}, ScopesClaim: []string{"scope", "scp"},
			Leeway: 30 * time.Second, JWKS: keys,
		}},
	})
}

// stated sets every key of this version to another value than its default.
const stated = `
server: {listen: "unix:/run/gate.sock", socket_mode: "0600", drain_delay: 0s, max_connections: 7,
    tls: {cert_file: server.pem, key_file: server.key}}
admin: {listen: "[::1]:9102", hosts: [JWTGate, "*.ops.example"]}
cache_dir: cache
issuers:
  pool:
    cognito: us-gov-west-1_AbC123
    prefix: ""
    replica_regions: [us-gov-east-1]
    clients: [web, app]
    token_use: [access]
    jwks: {file: keys.json, max_keys: 250, refresh_interval: 1m, unknown_kid_cooldown: 1s, max_stale: 2h}
  other.example:
    issuer: https://login.example/realm
    prefix: "other:"
    audiences: [api]
    clients: [billing]
    token_use: [id, access]
    bound_tokens: accept_as_bearer
    email_verified: assumed
    token_types: [at+jwt]
    algorithms: [ES256, EdDSA]
    groups_claim: [https://x.example/roles, /realm_access/roles]
    scopes_claim: [permissions]
    leeway: 1m
    max_lifetime: 36h
    dangerously_allow_http: true
    jwks: {uri: "http://keys.example/jwks?v=1", request_timeout: 500ms, ca_file: /etc/ca.pem,
        proxy: "http://user:secret@proxy.example:3128"}
tokens: {from: [{cookie: session, origins: ["https://app.example"]}, bearer], forward: true, max_bytes: 4096}
identity:
  headers: {x-tenant: ["custom:tenant", /tenant/id], x-user-email: null}
  strip: [X-User-Roles]
  max_value_bytes: 64
  max_total_bytes: 1024
routes:
  - {name: one, match: "GET,HEAD /a/{id}/**", hosts: [API.example, "*.example", 10.0.0.1, "[::1]"], access: required,
      issuers: [pool, other.example],
     groups: {all: [a, b]}, scopes: [read], clients: [web], when: "token.subject == path.id && '${X}' != ''",
     tokens_from: [{query: access_token}], forward: false, end_streams_at_expiry: true, audit: none, shadow: false}
  - {match: /b, access: optional, if_invalid: deny}
  - {match: /c, access: deny}
default: deny
cors: {preflight: check, origins: ["https://app.example", "http://localhost:3000"], credentials: true}
revoked: {file: revoked.jsonl}
audit: {denied: 1/2, allowed: 1/1000000, to: stdout}
shadow: true
relax: {all: [double_slash], hosts: {"*.old.example": [semicolon, ignore_case]}}
`

// valueRow is a decoded value and the expected one.
type valueRow struct {
	name      string
	got, want any
}

func compare(t *testing.T, rows []valueRow) {
	t.Helper()
	for _, row := range rows {
		if !reflect.DeepEqual(row.got, row.want) {
			t.Errorf("%s is\n%+v\nwant\n%+v", row.name, row.got, row.want)
		}
	}
}

func TestEveryKey(t *testing.T) {
	c := parse(t, stated)
	recorded := config.Sampling{Denied: 2, Allowed: 1_000_000}
	from := []config.TokenSource{{Kind: config.SourceCookie, Name: "session", Origins: []string{"https://app.example"}},
		{Kind: config.SourceBearer}}
	compare(t, []valueRow{
		{"server", c.Server, config.Server{Listen: "unix:/run/gate.sock", SocketMode: 0o600,
			TLS: config.TLS{CertFile: "server.pem", KeyFile: "server.key"}, MaxConnections: 7}},
		{"admin", c.Admin, config.Admin{Listen: "[::1]:9102", Hosts: []string{"jwtgate", "*.ops.example"}}},
		{"cache_dir", c.CacheDir, "cache"},
		{"tokens", c.Tokens, config.Tokens{From: from, Forward: true, MaxBytes: 4096, CacheBytes: 24 << 20}},
		{"strip", c.Identity.Strip, []string{"x-user-roles"}},
		{"removed", c.Identity.Removed, []string{"x-user-email"}},
		{"max_value_bytes", c.Identity.MaxValueBytes, 64},
		{"max_total_bytes", c.Identity.MaxTotalBytes, 1024},
		{"route", c.Routes[0], config.Route{
			Name: "one", Path: "routes[0]", Match: "GET,HEAD /a/{id}/**", Hosts: []string{"api.example", "*.example", "10.0.0.1", "[::1]"},
			Access:     config.AccessRequired,
			TokensFrom: []config.TokenSource{{Kind: config.SourceQuery, Name: "access_token"}},
			Requirement: config.Requirement{Alternative: config.Alternative{
				Issuers: []string{"pool", "other.example"}, Groups: config.Choice{All: []string{"a", "b"}},
				Scopes: config.Choice{Any: []string{"read"}}, Clients: config.Choice{Any: []string{"web"}},
			}, When: "token.subject == path.id && '${X}' != ''"},
			EndStreamsAtExpiry: true,
		}},
		{"optional", c.Routes[1], config.Route{Name: "/b", Path: "routes[1]", Match: "/b", Access: config.AccessOptional, TokensFrom: from,
			Forward: true, Audit: recorded, Shadow: true}},
		{"deny", c.Routes[2], config.Route{Name: "/c", Path: "routes[2]", Match: "/c", Access: config.AccessDeny, TokensFrom: from,
			Forward: true, Audit: recorded, Shadow: true}},
		{"default", c.Default, config.AccessDeny},
		{"cors", c.CORS, config.CORS{Origins: []string{"https://app.example", "http://localhost:3000"}, Credentials: true,
			Preflight: config.PreflightCheck, MaxAge: 10 * time.Minute}},
		{"revoked", c.RevokedFile, "revoked.jsonl"},
		{"audit", c.Audit, config.Audit{Sampling: recorded, To: config.AuditStdout}},
		{"shadow", c.Shadow, true},
		{"relax", c.Relax, config.Relax{All: []config.Relaxation{config.RelaxDoubleSlash}, Hosts: []config.HostRelaxations{
			{Host: "*.old.example", Relaxations: []config.Relaxation{config.RelaxSemicolon, config.RelaxIgnoreCase}}}}},
	})
}

func TestEveryIssuerKey(t *testing.T) {
	c := parse(t, stated)
	pool, other := c.Issuers[0], c.Issuers[1]
	compare(t, []valueRow{
		{"replica_regions", pool.ISS, []string{
			"https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_AbC123",
			"https://issuer-cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_AbC123",
			"https://cognito-idp.us-gov-east-1.amazonaws.com/us-gov-west-1_AbC123",
		}},
		{"token_use", pool.TokenUse, []string{"access"}},
		{"keys from a file", pool.JWKS, config.JWKS{File: "keys.json", MaxKeys: 250, RefreshInterval: time.Minute,
			UnknownKIDCooldown: time.Second, MaxStale: 2 * time.Hour, RequestTimeout: 5 * time.Second, Proxy: "none"}},
		{"an OIDC issuer", other, config.Issuer{
			Name: "other.example", Path: `issuers["other.example"]`, ISS: []string{"https://login.example/realm"}, Prefix: "other:",
			Audiences: []string{"api"}, Clients: []string{"billing"}, TokenUse: []string{"id", "access"},
			BoundAsBearer: true, EmailAssumed: true, TokenTypes: []string{"at+jwt"}, Algorithms: []string{"ES256", "EdDSA"},
			SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id", "azp", "cid", "appid"},
			GroupsClaim: []string{"https://x.example/roles", "/realm_access/roles"}, ScopesClaim: []string{"permissions"},
			Leeway: time.Minute, MaxLifetime: 36 * time.Hour, AllowHTTP: true,
			JWKS: config.JWKS{URI: "http://keys.example/jwks?v=1", MaxKeys: 100, RefreshInterval: 15 * time.Minute,
				UnknownKIDCooldown: 5 * time.Second, MaxStale: 24 * time.Hour, RequestTimeout: 500 * time.Millisecond, CAFile: "/etc/ca.pem",
				Proxy: "http://user:secret@proxy.example:3128"},
		}},
	})
}

// TestPathsBesideTheFile: a configuration means the same wherever the program
// was started.
func TestPathsBesideTheFile(t *testing.T) {
	c, err := config.Parse("/etc/jwtgate/gate.yaml", []byte(`
cache_dir: /var/cache/jwtgate
revoked: {file: ../revoked.jsonl}
issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web], jwks: {file: sub/keys.json}}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Issuers[0].JWKS.File, "/etc/jwtgate/sub/keys.json"; got != want {
		t.Errorf("a relative path is %q, want %q", got, want)
	}
	if got, want := c.RevokedFile, "/etc/revoked.jsonl"; got != want {
		t.Errorf("a relative path is %q, want %q", got, want)
	}
	if got, want := c.CacheDir, "/var/cache/jwtgate"; got != want {
		t.Errorf("an absolute path is %q, want %q", got, want)
	}
}

// TestPartialConfig: for a file with mistakes, Parse returns the parts that other
// packages can check.
func TestPartialConfig(t *testing.T) {
	c, err := config.Parse("gate.yaml", []byte(`
issuers:
  pool: {cognito: us-west-1_6BpkgoczU}
routes:
  - {access: public}
  - {match: "GET /{", groups: [admin], leeway: 1s}
  - {name: by-envoy, access: publik}
  - {name: lost, match: 7}
default: nothing
`), nil)
	if err == nil || c == nil {
		t.Fatalf("config %v and error %v, want both", c, err)
	}
	if len(c.Issuers) != 1 || len(c.Routes) != 2 || c.Routes[1].Name != "by-envoy" || c.Routes[0].Match != "GET /{" ||
		c.Routes[0].Access != config.AccessRequired {
		t.Errorf("issuers %+v, routes %+v; want the issuer, the route with a match and the one with a name", c.Issuers, c.Routes)
	}
	if c.Default != config.AccessRequired {
		t.Errorf("an invalid default is %q, want %q", c.Default, config.AccessRequired)
	}
	if got, want := c.Mistake(c.Routes[0].Path+".match", "x").Error(), "gate.yaml:6:13: x"; got != want {
		t.Errorf("a mistake of another package is %q, want %q", got, want)
	}
}

func TestNoConfigAtAll(t *testing.T) {
	for name, yaml := range map[string]string{
		"empty":      "",
		"broken":     "a: [",
		"a list":     "- a",
		"too large":  strings.Repeat("#", 1<<20+1),
		"not UTF-8":  "\xff\xfea\x00",
		"a NUL byte": "a: \x00",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Parse("gate.yaml", []byte(yaml), nil)
			var mistakes config.Mistakes
			if c != nil || !errors.As(err, &mistakes) || len(mistakes) != 1 || mistakes[0].Pos.Line == 0 {
				t.Errorf("config %v and error %v, want one mistake with its position", c, err)
			}
		})
	}
}

func fromBearer() []config.TokenSource { return []config.TokenSource{{Kind: config.SourceBearer}} }

func denials() config.Sampling { return config.Sampling{Denied: 1} }
