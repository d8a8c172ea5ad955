package gate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// TestExplainAgreesWithDecide decides and explains thousands of requests, each at the same
// time: the explanation has the decision that a client would get, and the steps that led
// to it.
func TestExplainAgreesWithDecide(t *testing.T) {
	const each = 4000
	seen := map[gate.Reason]int{}
	for name, yaml := range agreeing() {
		t.Run(name, func(t *testing.T) {
			w := startWith(t, yaml)
			var frozen atomic.Int64
			g := openSharing(t, w.gate, w.cfg, gate.Options{Logger: quiet(), Now: func() time.Time {
				if at := frozen.Load(); at != 0 {
					return time.Unix(0, at)
				}
				return time.Now()
			}})
			m := newMaker(t, w)
			for i := range each {
				r := m.request()
				now := time.Now()
				frozen.Store(now.UnixNano())
				d := g.Decide(t.Context(), r)
				e := g.Explain(t.Context(), r, now)
				seen[d.Reason]++
				checkAgrees(t, d, e.Decision)
				checkSteps(t, e)
				m.checkNoToken(t, e)
				if t.Failed() {
					t.Fatalf("request %d: %+v\n%s", i, r, steps(e))
				}
			}
		})
	}
	// No request has these reasons, or only after a day.
	rare := append(unreachable(), gate.ReasonKeysStale)
	for _, reason := range declared(t) {
		if seen[reason] == 0 && !slices.Contains(rare, reason) && reason != gate.ReasonRequestMalformed {
			t.Errorf("no request had the reason %s", reason)
		}
	}
	t.Logf("%d reasons", len(seen))
}

// agreeing returns configs with every feature that changes a decision.
func agreeing() map[string]string {
	const more = `
  - {name: events,  match: /events,  end_streams_at_expiry: true}
  - name: cookie
    match: /cookie/**
    tokens_from: [{cookie: session, origins: ["https://app.example"]}, {query: access_token}, {header: x-token}]
  - {name: socket,  match: /socket, tokens_from: [{websocket_protocol: bearer}], forward: true}
  - {name: any,     match: /any, any_of: [{issuers: [home], groups: [admin]}, {issuers: [pool], clients: [web]}], audit: none}
  - {name: hosted,  match: /hosted, hosts: ["*.example"], access: public}
  - {name: unlisted, issuers: [home], groups: [admin]}
revoked: {file: testdata/revoked.jsonl}
`
	const revoked = "revoked: {file: testdata/revoked.jsonl}\n"
	routes := routesYAML[:len(routesYAML)-len(revoked)] + more
	return map[string]string{
		"plain":  issuersYAML + passYAML + routes,
		"answer": issuersYAML + answerYAML + routes,
		"cors": issuersYAML + routes + `
default: deny
cors: {origins: ["https://app.example"], credentials: true, preflight: check}
audit: {allowed: 1/3}
`,
		"shadow": issuersYAML + routes + `
shadow: true
relax: {all: [double_slash, ignore_case], hosts: {old.example: [encoded_slash, method_override]}}
`,
	}
}

// maker makes a fixed series of random requests.
type maker struct {
	random *rand.Rand
	tokens []string
	grams  map[string]bool // all substrings of 9 bytes of the tokens
}

func newMaker(t *testing.T, w *fixture) *maker {
	m := &maker{random: rand.New(rand.NewPCG(7, 11)), grams: map[string]bool{}}
	type claim = map[string]any
	now := time.Now()
	add := func(raw string) { m.tokens = append(m.tokens, raw) }
	home := func(header, changed claim) { add(sign(t, w.home, header, claims(changed))) }
	for range 12 { // valid tokens, so that half of the requests have one
		home(nil, claim{"auth_time": now.Unix(), "acr": "gold", "level": 4})
	}
	for _, changed := range []claim{
		{"exp": now.Add(-time.Hour).Unix()}, {"exp": nil}, {"exp": "x"}, {"nbf": now.Add(time.Hour).Unix()}, {"iat": now.Add(time.Hour).Unix()},
		{"exp": now.Add(30 * time.Hour).Unix()}, {"aud": "x"}, {"aud": 5}, {"org": "x"},
		{"client_id": "x"}, {"client_id": "mobile"}, {"client_id": "mobile"},
		{"sub": nil}, {"sub": "mallory"},
		{"groups": []string{"staff"}}, {"groups": "admin"}, {"groups": nil}, {"scope": "orders/read"}, {"auth_time": 1, "acr": "gold"},
		{"auth_time": now.Unix(), "acr": "tin"}, {"auth_time": now.Unix()}, {"level": 1}, {"level": "high"},
		{"iss": "https://evil.example/"}, {"iss": w.home.ISS() + "/"},
		{"preferred_username": string(make([]byte, 65))}, {"padding": fmt.Sprintf("%05000d", 7)}, {"sub": "pool:alice"},
		{"cnf": map[string]any{"jkt": "k"}},
	} {
		home(nil, changed)
	}
	for _, header := range []claim{
		{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES384"}, {"crit": []string{"exp"}}, {"typ": "logout+jwt"}, {"kid": nil},
		{"kid": ""}, {"kid": "unknown"}, {"jwk": claim{"kty": "oct"}},
	} {
		home(header, nil)
	}
	add(tampered(m.tokens[0]))
	for _, changed := range []claim{
		{"token_use": "access"}, {"token_use": "id", "aud": "web"}, {"token_use": "access", "client_id": "billing"},
	} {
		all := claim{"client_id": "web", "sub": "pat"}
		maps.Copy(all, changed)
		add(mint(t, w.pool, all))
	}
	add(mint(t, w.dark, claim{"aud": "orders-api", "sub": "a"}))
	add(mint(t, w.dim, claim{"aud": "orders-api", "sub": "a"}))
	add(sign(t, w.dim, claim{"kid": "unknown"}, claim{"aud": "orders-api", "sub": "a"}))
	for _, raw := range m.tokens {
		for i := range len(raw) - 8 {
			m.grams[raw[i:i+9]] = true
		}
	}
	m.tokens = append(m.tokens, "null", "a.b.c", "", m.tokens[0]+".x", m.tokens[0]+"=")
	return m
}

// one returns one item of a list.
func (m *maker) one(list ...string) string { return list[m.random.IntN(len(list))] }

// maybe is true once in n calls.
func (m *maker) maybe(n int) bool { return m.random.IntN(n) == 0 }

// request returns one request, which in most cases is valid or almost valid.
func (m *maker) request() *request.Request {
	r := requestOf(m.one("GET", "GET", "GET", "POST", "DELETE", "HEAD", "OPTIONS", "get"), m.one(
		"/open/x", "/optional/x", "/lenient/x", "/closed/x", "/fixed", "/elsewhere", "/strict", "/strict", "/strict", "/team",
		"/session/x", "/session/x", "/fresh", "/fresh", "/fresh",
		"/readers", "/own/alice", "/own/bob", "/level", "/shadow", "/events", "/cookie/x", "/cookie/x", "/socket",
		"/any", "/hosted", "/nowhere", "/STRICT",
		"/strict/", "/Own/alice", "/%73trict", "/a//b", "/a/../strict", "/a%2fb", "/strict;x", "strict", "/caf\xc3\xa9", "/strict%"))
	r.Authority = m.one("api.example", "api.example", "api.example", "API.example:8443", "old.example", "api.example.",
		"a.example,b.example", "", "a b")
	r.RawHeaders = m.maybe(2)
	if m.maybe(2) {
		r.Target += m.one("?", "?a=b", "?a=b&a=c", "?access_token=null", "?_method=DELETE")
	}
	if m.maybe(10) { // a preflight
		origin := m.one("origin: https://app.example", "origin: https://evil.example")
		r.Method, r.Headers = "OPTIONS", get("/", origin, "access-control-request-method: GET").Headers
		return r
	}
	if m.maybe(8) {
		r.SetRoute(m.one("strict", "team", "unlisted", "open", "closed", "default", "nowhere", "own", ""))
	}
	if m.maybe(60) {
		r.Extensions = map[string]string{"jwtgate.rote": "strict"}
	}
	for _, field := range m.fields() {
		r.Headers = append(r.Headers, get("/", field).Headers...)
	}
	for n := m.random.IntN(8); n > 0; n /= 3 { // one in most cases, sometimes none or two
		m.addToken(r)
	}
	return r
}

// addToken adds a token at a random place.
func (m *maker) addToken(r *request.Request) {
	raw := m.one(m.tokens...)
	add := func(name, value string) { r.Headers = append(r.Headers, request.Header{Name: name, Value: value}) }
	switch m.random.IntN(12) {
	case 0:
		add("cookie", "a=b; session="+raw+"; c=d")
	case 1:
		add("x-token", raw)
	case 2:
		add("sec-websocket-protocol", "bearer, "+raw)
		add("upgrade", "websocket")
	case 3:
		r.Target += m.one("?", "&") + "access_token=" + raw
	case 4:
		add("authorization", m.one("bearer ", "Bearer  ", "Basic ", "Bearer", "")+raw)
	default:
		add("Authorization", "Bearer "+raw)
	}
}

// fields returns header fields in addition to the token's.
func (m *maker) fields() []string {
	var fields []string
	for _, field := range []string{
		"origin: https://app.example", "origin: https://evil.example", "sec-fetch-site: same-origin", "sec-fetch-site: cross-site",
		"access-control-request-method: GET", "access-control-request-method: DELETE", "x-user-id: root", "X_User_Groups: admin",
		"x-user-roles: root", "x-http-method-override: DELETE", "connection: upgrade, x-user-id", "content-length: 3",
		"upgrade: websocket", "x-request-id: 1", "cookie: c=d",
	} {
		if m.maybe(7) {
			fields = append(fields, field)
		}
	}
	return fields
}
