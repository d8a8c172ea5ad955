//go:build !race

package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// passage is an allowed request, as the application gets it.
type passage struct {
	name string
	call call
	// want is all identity headers that the application receives, with names in Go's form.
	want map[string]string
	// wantToo are other headers that must arrive, and wantGone names that must not.
	wantToo  map[string]string
	wantGone []string
}

// forged is a client's attempt at every identity header, in several spellings
// and copies, and at headers that change what the application acts on.
func forged() []string {
	var headers []string
	for _, name := range envoy.IdentityNames() {
		headers = append(headers,
			name+": forged", strings.ToUpper(name)+": forged", strings.ReplaceAll(name, "-", "_")+": forged",
			strings.ReplaceAll(name, "-", ".")+": forged", strings.Replace(name, "-", "_", 1)+": forged",
		)
	}
	for _, name := range overrides() {
		headers = append(headers, name+": forged")
	}
	return append(headers, "X_HTTP_METHOD_OVERRIDE: DELETE", "x.rewrite.url: /api/internal",
		"SCRIPT_NAME: /api", "PATH_INFO: /api/internal", "x_forwarded_host: docs.example")
}

// overrides are the headers that name another method, URL or host.
func overrides() []string {
	return slices.Concat(slices.Collect(maps.Values(config.OverrideHeaders()))...)
}

// passages returns requests that are allowed, with forged headers on each.
func passages(t *testing.T, i issuers) []passage {
	rows := append(anonymous(t, i), users(t, i)...)
	for i := range rows {
		rows[i].call = rows[i].call.with("x-other: kept").with(forged()...)
	}
	return rows
}

// anonymous returns the requests that are allowed without an identity.
func anonymous(t *testing.T, i issuers) []passage {
	foreign := bearer(mint(t, i.foreign, access(nil)))
	return []passage{
		{name: "public, no token", call: call{line: "GET /api/health"}},
		{
			name: "public, the credential goes on untouched", call: call{line: "GET /api/health", headers: []string{"authorization: Bearer null"}},
			wantToo: map[string]string{"Authorization": "Bearer null"},
		},
		{name: "optional, no token", call: call{line: "GET /api/feed"}},
		{
			name: "optional with if_invalid, a bad token", call: call{line: "GET /api/activities/home", headers: []string{foreign}},
			wantGone: []string{"Authorization"},
		},
		{
			name:     "optional with if_invalid, Bearer null",
			call:     call{line: "GET /api/activities/home", headers: []string{"authorization: Bearer null"}},
			wantGone: []string{"Authorization"},
		},
		{name: "a route of another host", call: call{line: "GET /only-here", headers: []string{"host: DOCS.example:8443"}}},
	}
}

// users returns the requests that are allowed with an identity.
func users(t *testing.T, i issuers) []passage {
	return []passage{
		{
			name: "an access token",
			call: call{line: "GET /api/messages?a=b",
				headers: []string{bearer(mint(t, i.cruddur, access(map[string]any{"cognito:groups": []string{"admin", "users"}})))}},
			want: map[string]string{
				"X-User-Id": "4f0c5b8e-ann", "X-User-Name": "ann", "X-User-Groups": "admin,users", "X-User-Scopes": "aws.cognito.signin.user.admin",
				"X-User-Client": "3v5exampleclient", "X-User-Kind": "user", "X-User-Issuer": "cruddur",
			},
			wantToo: map[string]string{"X-Other": "kept"}, wantGone: []string{"Authorization"},
		},
		{
			name: "an ID token",
			call: call{line: "POST /api/messages", headers: []string{bearer(mint(t, i.cruddur, id(nil))), "content-length: 5"}, body: "hello"},
			want: map[string]string{
				"X-User-Id": "4f0c5b8e-ann", "X-User-Name": "ann", "X-User-Email": "ann@example.org",
				"X-User-Client": "3v5exampleclient", "X-User-Kind": "user", "X-User-Issuer": "cruddur",
			},
			wantGone: []string{"Authorization"},
		},
		{
			name: "a machine's token has neither user name nor groups",
			call: call{line: "GET /api/billing/7", headers: []string{bearer(mint(t, i.cruddur, map[string]any{
				"sub": "7billingclient", "client_id": "7billingclient", "token_use": "access", "scope": "billing/read", "version": 2,
			}))}},
			want: map[string]string{
				"X-User-Id": "7billingclient", "X-User-Scopes": "billing/read", "X-User-Client": "7billingclient",
				"X-User-Kind": "client", "X-User-Issuer": "cruddur",
			},
		},
		{
			name: "an email that is not verified",
			call: call{line: "GET /api/messages", headers: []string{bearer(mint(t, i.cruddur, id(map[string]any{"email_verified": false})))}},
			want: map[string]string{
				"X-User-Id": "4f0c5b8e-ann", "X-User-Name": "ann", "X-User-Client": "3v5exampleclient", "X-User-Kind": "user",
				"X-User-Issuer": "cruddur",
			},
		},
		{
			name: "another issuer's user stands under its prefix, odd bytes encoded",
			call: call{line: "GET /api/orders/7", headers: []string{bearer(mint(t, i.partner, map[string]any{
				"sub": "José, 100%", "aud": []string{"x", "orders-api"}, "groups": []string{"operators", "a,b"},
				"scp": []string{"orders/read", "orders/list"},
			}))}},
			want: map[string]string{
				"X-User-Id": "partner:Jos%C3%A9, 100%25", "X-User-Groups": "partner:operators,partner:a%2Cb",
				"X-User-Scopes": "orders/read,orders/list", "X-User-Kind": "user", "X-User-Issuer": "partner",
			},
		},
		{
			name: "the UPDATED form of the pool's issuer, under the same key",
			call: call{line: "GET /api/messages", headers: []string{bearer(mint(t, i.cruddur, map[string]any{
				"iss": "https://issuer-cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU", "sub": "s", "token_use": "access",
				"client_id": "3v5exampleclient", "username": "ann",
			}))}},
			want: map[string]string{"X-User-Id": "s", "X-User-Name": "ann", "X-User-Client": "3v5exampleclient",
				"X-User-Kind": "user", "X-User-Issuer": "cruddur"},
		},
		{
			name: "the scheme in capitals, more than one space",
			call: call{line: "GET /api/messages", headers: []string{"authorization: BEARER   " + mint(t, i.cruddur, map[string]any{
				"sub": "s", "token_use": "access", "client_id": "3v5exampleclient", "username": "ann",
			})}},
			want: map[string]string{"X-User-Id": "s", "X-User-Name": "ann", "X-User-Client": "3v5exampleclient",
				"X-User-Kind": "user", "X-User-Issuer": "cruddur"},
		},
	}
}

// TestWhatTheApplicationReceives: an identity comes only from a verified token, whatever
// the client sends and with both Envoys.
func TestWhatTheApplicationReceives(t *testing.T) {
	s := startStack(t)
	ways := append(s.ways(),
		way{"shipped but for the list of headers that are sent", startUnlistedEnvoy(t, s.gate.address, s.application.address), http1, false},
		way{"shipped, with nothing that strips before the gate", startUnguardedEnvoy(t, s.gate.address, s.application.address), http1, false},
		way{"bare with the shipped list", startListedEnvoy(t, s.gate.address, s.application.address), http1, false},
	)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			for _, row := range passages(t, s.issuers) {
				t.Run(row.name, func(t *testing.T) {
					got := way.send(t, way.through.address, row.call)
					if got.Status != http.StatusOK {
						t.Fatalf("status %d %s, want 200", got.Status, got.Body)
					}
					row.check(t, s.application.only(t))
				})
			}
		})
	}
}

// check compares what the application received with the row.
func (p passage) check(t *testing.T, got received) {
	t.Helper()
	method, target, _ := strings.Cut(p.call.line, " ")
	if got.Method != method || got.URI != target || got.Body != p.call.body {
		t.Errorf("received %s %s %q, want %s %q", got.Method, got.URI, got.Body, p.call.line, p.call.body)
	}
	for name, values := range got.Header {
		folded := strings.Map(func(r rune) rune {
			if r == '_' || r == '.' {
				return '-'
			}
			return r
		}, strings.ToLower(name))
		isIdentity := strings.HasPrefix(folded, "x-user-")
		if want, set := p.want[name]; isIdentity && (!set || len(values) != 1 || values[0] != want) {
			t.Errorf("received %s: %q, want %q", name, values, want)
		}
		if slices.Contains(overrides(), folded) {
			t.Errorf("received %s: %q", name, values)
		}
	}
	for name, want := range p.want {
		if _, there := got.Header[name]; !there {
			t.Errorf("received no %s, want %q", name, want)
		}
	}
	for name, want := range p.wantToo {
		if got.Header.Get(name) != want {
			t.Errorf("received %s: %q, want %q", name, got.Header.Get(name), want)
		}
	}
	for _, name := range p.wantGone {
		if values, there := got.Header[name]; there {
			t.Errorf("received %s: %.20q", name, values)
		}
	}
}

// TestTheShippedNamesAreTheDefaultNames: Envoy removes, and lets jwtgate set, exactly the
// names of a jwtgate configuration with the default `identity`, and x-user-roles.
func TestTheShippedNamesAreTheDefaultNames(t *testing.T) {
	cfg, err := config.Parse("test.yaml", []byte("issuers: {a: {issuer: https://a.example, audiences: [b]}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	shipped := map[string]bool{}
	for _, name := range envoy.IdentityNames() {
		shipped[name] = true
	}
	for _, header := range cfg.Identity.Headers {
		if !shipped[header.Name] {
			t.Errorf("jwtgate sets %s by default, and envoy.yaml does not know it", header.Name)
		}
		delete(shipped, header.Name)
	}
	for _, name := range cfg.Identity.Strip {
		delete(shipped, name)
	}
	delete(shipped, "x-user-roles")
	if len(shipped) != 0 {
		t.Errorf("envoy.yaml strips %v, which jwtgate does not by default", shipped)
	}
}
