package demo_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/demo"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// keysAt returns the URL of a loopback key set for any issuer.
func keysAt(issuer string) (string, bool) { return "http://127.0.0.1:9003/" + issuer + "/jwks", true }

// users is a user's file with every key that rewrite changes, and others that it must
// not change.
const users = `# my gate
server: {listen: "unix:/run/jwtgate.sock", drain_delay: 5s}
cache_dir: /var/cache/jwtgate
issuers:
  cruddur: {cognito: us-west-1_6BpkgoczU, clients: ["${CLIENT:-web}"], prefix: ""} # flow
  partner:
    issuer: https://login.partner.example/
    audiences: [orders-api]
    prefix: "partner:"
    leeway: 10s
    dangerously_allow_http: false
    jwks:
      uri: https://keys.partner.example/
      refresh_interval: 20m
      ca_file: ca.pem
      proxy: http://proxy.example:3128
  filed:
    issuer: https://filed.example
    audiences: [orders-api]
    prefix: "filed:"
    jwks: {file: keys.json, max_stale: 48h}
routes:
  - {match: 'GET /users/{id}/**', issuers: [partner], groups: ["$${literal}"]}
default: deny
`

func TestRewriteOpensOnlyTheKeySets(t *testing.T) {
	copied, err := demo.Rewrite("mine.yaml", []byte(users), keysAt)
	if err != nil {
		t.Fatal(err)
	}
	want := tree(t, users)
	delete(want, "cache_dir")
	delete(want, "server")
	issuers := want["issuers"].(map[string]any)
	for name, jwks := range map[string]map[string]any{
		"cruddur": {},
		"partner": {"refresh_interval": "20m"},
		"filed":   {"max_stale": "48h"},
	} {
		jwks["uri"], _ = keysAt(name)
		issuer := issuers[name].(map[string]any)
		issuer["jwks"], issuer["dangerously_allow_http"] = jwks, true
	}
	got, wanted := dump(t, tree(t, string(copied))), dump(t, want)
	if got != wanted {
		t.Errorf("the copy is\n%s\nwant\n%s", got, wanted)
	}
	c, err := config.Parse("copy", copied, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, issuer := range c.Issuers {
		if uri, _ := keysAt(issuer.Name); issuer.JWKS.URI != uri || issuer.JWKS.File != "" || !issuer.AllowHTTP {
			t.Errorf("issuer %s has keys from %+v, want %s", issuer.Name, issuer.JWKS, uri)
		}
	}
	if c.Issuers[0].Clients[0] != "web" || c.Routes[0].Requirement.Groups.Any[0] != "${literal}" {
		t.Errorf("variables have other values in the copy: %+v", c)
	}
}

func TestRewriteTheShippedConfiguration(t *testing.T) {
	if c, err := config.Parse("jwtgate.yaml", demo.ShippedConfig(), nil); err != nil || len(c.Routes) != 6 {
		t.Fatalf("as shipped: %v", err)
	}
	copied, err := demo.Rewrite("jwtgate.yaml", demo.ShippedConfig(), keysAt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Parse("copy", copied, nil); err != nil {
		t.Errorf("rewritten: %v\n%s", err, copied)
	}
}

// TestTheApplicationGetsNoSession: the demo's configuration removes the cookies of the Envoy
// file that the demo runs.
func TestTheApplicationGetsNoSession(t *testing.T) {
	tree := tree(t, string(demo.ShippedConfig()))
	var stripped []string
	for _, name := range tree["identity"].(map[string]any)["strip_cookies"].([]any) {
		stripped = append(stripped, name.(string))
	}
	slices.Sort(stripped)
	if want := envoy.LoginCookies(); !slices.Equal(stripped, slices.Sorted(slices.Values(want))) {
		t.Errorf("the demo removes the cookies %v, want %v", stripped, want)
	}
}

func TestRewriteRefuses(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, row := range []struct {
		name, file string
		keysOf     func(string) (string, bool)
		want       string
	}{
		{"no YAML", "issuers: {", keysAt, "read the configuration again: "},
		{"nothing", "", keysAt, "read the configuration again: "},
		{"an issuer without keys", "issuers: {a: {}}", none, `no keys for issuer "a"`},
		{"an issuer that is not a mapping", "issuers: {a: b}", keysAt, `issuer "a" is not a mapping`},
		{"an issuer by alias", "x: &x {}\nissuers: {a: *x}", keysAt, `issuer "a" is not a mapping`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := demo.RewriteAlone([]byte(row.file), row.keysOf); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q in it", err, row.want)
			}
		})
	}
}

// An empty key is treated as a missing one.
func TestRewriteOfEmptyKeys(t *testing.T) {
	copied, err := demo.RewriteAlone([]byte("issuers: {a: {jwks: }}\n"), keysAt)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(copied), `jwks: {uri: "http://127.0.0.1:9003/a/jwks"}`) {
		t.Errorf("the copy is %s", copied)
	}
	if copied, err := demo.RewriteAlone([]byte("default: deny\n"), keysAt); err != nil || string(copied) != "default: deny\n" {
		t.Errorf("without issuers: %q, %v", copied, err)
	}
}

func TestTokenErrors(t *testing.T) {
	for _, row := range []struct {
		name, claims string
		want         string
	}{
		{"not JSON", "sub=you", `the claims are invalid; expected a JSON object such as {"sub": "you"}`},
		{"not an object", `["sub"]`, "the claims are invalid; expected a JSON object"},
		{"two objects", `{} {}`, "unexpected data after the claims' JSON object"},
		{"no demo", `{}`, "(is `jwtgate demo` running, with its issuer at http://127.0.0.1:1?)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			claims, err := demo.ParseClaims(row.claims)
			if err == nil {
				_, err = demo.Token(t.Context(), "http://127.0.0.1:1", "cruddur", claims, 0)
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q in it", err, row.want)
			}
		})
	}
}

// If the demo rejects the request, the error does not ask whether it is running.
func TestTokenOfAnUnknownIssuer(t *testing.T) {
	token, err := demo.Token(t.Context(), testbed.Issuers(t).URL(), "nobody", nil, 0)
	if err == nil || token != "" || !strings.Contains(err.Error(), "nobody") || strings.Contains(err.Error(), "demo` running") {
		t.Errorf("got token %q, error %v; expected an error about the issuer only", token, err)
	}
}

func tree(t *testing.T, text string) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := yaml.Load([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func dump(t *testing.T, tree map[string]any) string {
	t.Helper()
	data, err := yaml.Dump(tree)
	if err != nil {
		t.Fatal(errors.New("cannot dump: " + err.Error()))
	}
	return string(data)
}
