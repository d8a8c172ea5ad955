package demo_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/demo"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// hosted starts a loopback server with the issuers of a configuration.
func hosted(t *testing.T, text string) map[string]*devidp.Issuer {
	t.Helper()
	c, server := testbed.Config(t, text), testbed.Issuers(t)
	hosted, err := demo.Host(server, c.Issuers)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Host(server, c.Issuers[:1]); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a second issuer with the same name: %v", err)
	}
	return hosted
}

// The command that the demo prints sends the token where the configuration reads it.
func TestSending(t *testing.T) {
	for from, want := range map[string]string{
		"[bearer]":                    `http://a/ -H "Authorization: Bearer T"`,
		"[{cookie: c}, bearer]":       `http://a/ -H "Authorization: Bearer T"`,
		"[{cookie: c}]":               `http://a/ -H "Cookie: c=T"`,
		"[{header: x-token}]":         `http://a/ -H "x-token: T"`,
		"[{websocket_protocol: jwt}]": `http://a/ -H "Sec-WebSocket-Protocol: jwt, T"`,
	} {
		text := "issuers: {a: {issuer: https://a.example, audiences: [b]}}\ntokens: {from: " + from + "}\n"
		c, err := config.Parse("jwtgate.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := demo.Sending(c, "http://a/", "T"); got != want {
			t.Errorf("%s: got %s; expected %s", from, got, want)
		}
	}
}

// A token without requested claims is valid for its issuer's configuration.
func TestDefaultClaims(t *testing.T) {
	issuers := hosted(t, `
issuers:
  pool:  {cognito: us-west-1_6BpkgoczU, clients: [web, batch], prefix: "pool:"}
  ids:   {cognito: us-west-1_Other, clients: [web], token_use: [id], prefix: "ids:"}
  aud:   {issuer: https://aud.example, audiences: [api, other], algorithms: [ES256, RS256], token_types: [at+jwt], prefix: "aud:"}
  both:  {issuer: https://both.example/, audiences: [api], clients: [web], algorithms: [EdDSA], prefix: ""}
  clerk: {provider: clerk, domain: clerk.acme.example, clients: [https://app.example], prefix: "clerk:"}
  git:   {provider: gitlab, domain: gitlab.example, audiences: [api], require: {namespace_id: ["7", "8"]}, prefix: "git:"}
  deep:  {issuer: https://deep.example, audiences: [api], require: {team: [a]}, subject_claims: [oid], prefix: "deep:"}
`)
	const pool, scope = "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU", "aws.cognito.signin.user.admin"
	for _, row := range []struct {
		name, issuer string
		asked        map[string]any
		alg, typ     string
		want         map[string]any
	}{
		{"Cognito's access token", "pool", nil, "RS256", "JWT",
			map[string]any{"iss": pool, "sub": "demo", "token_use": "access", "client_id": "web", "username": "demo", "scope": scope}},
		{"for a user", "pool", map[string]any{"sub": "you"}, "RS256", "JWT",
			map[string]any{"iss": pool, "sub": "you", "token_use": "access", "client_id": "web", "username": "you", "scope": scope}},
		{"Cognito's ID token", "pool", map[string]any{"token_use": "id"}, "RS256", "JWT",
			map[string]any{"iss": pool, "sub": "demo", "token_use": "id", "aud": "web", "cognito:username": "demo",
				"email": "demo@example.com", "email_verified": true}},
		{"where only ID tokens are accepted", "ids", map[string]any{"email": nil, "email_verified": nil}, "RS256", "JWT",
			map[string]any{"iss": "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_Other", "sub": "demo", "token_use": "id",
				"aud": "web", "cognito:username": "demo"}},
		{"an audience", "aud", nil, "ES256", "at+jwt",
			map[string]any{"iss": "https://aud.example", "sub": "demo", "aud": "api"}},
		{"an audience and a client", "both", map[string]any{"sub": "you"}, "EdDSA", "JWT",
			map[string]any{"iss": "https://both.example/", "sub": "you", "aud": "api", "client_id": "web"}},
		{"a client in another claim", "clerk", nil, "RS256", "JWT",
			map[string]any{"iss": "https://clerk.acme.example", "sub": "demo", "azp": "https://app.example"}},
		{"a required claim", "git", nil, "RS256", "JWT",
			map[string]any{"iss": "https://gitlab.example", "sub": "demo", "aud": "api", "namespace_id": "7"}},
		{"a claim that names the subject", "deep", nil, "RS256", "JWT", map[string]any{
			"iss": "https://deep.example", "sub": "demo", "oid": "demo", "aud": "api", "team": "a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			token, err := issuers[row.issuer].Mint(row.asked, 0)
			if err != nil {
				t.Fatal(err)
			}
			if header := part(t, token, 0); header["alg"] != row.alg || header["typ"] != row.typ {
				t.Errorf("header %v, want %s and %s", header, row.alg, row.typ)
			}
			got := part(t, token, 1)
			delete(got, "iat")
			delete(got, "exp")
			if !maps.Equal(got, row.want) {
				t.Errorf("claims %v, want %v", got, row.want)
			}
		})
	}
}

func TestEnvoyIsReadyWhenItHasFoundJwtgate(t *testing.T) {
	const gone = "127.0.0.1:1"
	listener := httptest.NewServer(nil)
	defer listener.Close()
	listening := strings.TrimPrefix(listener.URL, "http://")
	for _, row := range []struct {
		name   string
		ready  int
		stats  string
		listen string
		want   string // of the error; empty: ready
	}{
		{"starting", 503, "", listening, "/ready answered 503 Service Unavailable"},
		{"jwtgate is not healthy yet", 200, "cluster.jwtgate.membership_healthy: 0\n", listening, "jwtgate is not healthy for Envoy yet"},
		{"no such cluster", 200, "", listening, `jwtgate is not healthy for Envoy yet: ""`},
		{"no listener yet", 200, "cluster.jwtgate.membership_healthy: 1\n", gone, "connection refused"},
		{"ready", 200, "cluster.jwtgate.membership_healthy: 1\n", listening, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/ready":
					w.WriteHeader(row.ready)
				case "/stats":
					_, _ = fmt.Fprint(w, row.stats)
				}
			}))
			defer admin.Close()
			err := demo.EnvoyReady(t.Context(), row.listen, strings.TrimPrefix(admin.URL, "http://"))
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
	if err := demo.EnvoyReady(t.Context(), listening, gone); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("without an admin port: %v", err)
	}
}
