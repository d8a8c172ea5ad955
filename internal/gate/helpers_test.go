package gate_test

import (
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// hostile is part of every value that a hostile client can choose, so that tests find these
// values in the output.
const hostile = "zq9hostile"

// issuersYAML has the issuers of most tests: home is an OIDC issuer, pool a Cognito user
// pool, dark an issuer that is down from the start, and dim one that goes down after its
// keys were loaded.
const issuersYAML = `
issuers:
  home: {issuer: "${HOME_ISS}", prefix: "", audiences: [orders-api], clients: [web, mobile], require: {org: [acme]},
         algorithms: [ES256, ES384], max_lifetime: 24h, dangerously_allow_http: true}
  pool: {cognito: us-west-1_6BpkgoczU, prefix: "pool:", clients: [web], token_use: [access],
         algorithms: [ES256], dangerously_allow_http: true, jwks: {uri: "${POOL_KEYS}"}}
  dark: {issuer: "${DARK_ISS}", prefix: "dark:", audiences: [orders-api],
         algorithms: [ES256], dangerously_allow_http: true}
  dim:  {issuer: "${DIM_ISS}", prefix: "dim:", audiences: [orders-api],
         algorithms: [ES256], dangerously_allow_http: true}
`

// routesYAML has a route for each kind of requirement.
const routesYAML = `
identity: {max_value_bytes: 64, strip: [x-user-roles], headers: {x-user-email: null}}
tokens: {max_bytes: 4096}
routes:
  - {name: open,      match: /open/**,      access: public}
  - {name: optional,  match: /optional/**,  access: optional}
  - {name: lenient,   match: /lenient/**,   access: optional, if_invalid: anonymous}
  - {name: closed,    match: /closed/**,    access: deny}
  - {name: fixed,     match: DELETE /fixed, access: deny}
  - {name: elsewhere, match: /elsewhere,    issuers: [pool], groups: [admin]}
  - {name: strict,    match: /strict,       issuers: [home], groups: [admin], scopes: {all: [orders/read, orders/write]}, clients: [web]}
  - {name: team,      match: /team,         issuers: [home], groups: [admin, staff]}
  - {name: session,   match: /session/**,   access: optional, tokens_from: [bearer, {cookie: session}]}
  - {name: fresh,     match: /fresh,        issuers: [home], max_auth_age: 5m, acr: [gold, platinum]}
  - {name: readers,   match: /readers,      issuers: [home], scopes: [orders/read, orders/admin]}
  - {name: own,       match: "/own/{id}",   issuers: [home], when: token.subject == path.id}
  - {name: level,     match: /level,        issuers: [home], when: claims.level >= 3}
  - {name: shadow,    match: /shadow,       issuers: [home], groups: [admin], shadow: true}
revoked: {file: testdata/revoked.jsonl}
`

// fixture is a gate with issuers that listen on loopback.
type fixture struct {
	gate                  *gate.Gate
	cfg                   *config.Config
	home, pool, dark, dim *devidp.Issuer
	clock                 *clock
}

// clock is the real clock plus an offset that a test sets.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// start returns a gate with the issuers and the routes above.
func start(t *testing.T) *fixture {
	t.Helper()
	return startWith(t, issuersYAML+routesYAML)
}

// startWith returns a gate with the issuers above and the test's own config, after each
// issuer has keys or has failed its first fetch.
func startWith(t *testing.T, yaml string) *fixture {
	t.Helper()
	w := &fixture{clock: &clock{}}
	live, dark, dim := testbed.Issuers(t), testbed.Issuers(t), testbed.Issuers(t)
	w.home = addIssuer(t, live, "home", "")
	if _, err := w.home.AddKey("ES384"); err != nil {
		t.Fatal(err)
	}
	w.pool = addIssuer(t, live, "pool", "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_6BpkgoczU")
	w.dark, w.dim = addIssuer(t, dark, "dark", ""), addIssuer(t, dim, "dim", "")
	if err := dark.Pause(); err != nil {
		t.Fatal(err)
	}
	w.cfg = parse(t, yaml, map[string]string{
		"HOME_ISS": w.home.ISS(), "POOL_KEYS": w.pool.JWKSURL(), "DARK_ISS": w.dark.ISS(), "DIM_ISS": w.dim.ISS(),
	})
	w.gate = open(t, w.cfg, gate.Options{Replica: "replica", Now: w.clock.now, Logger: quiet()})
	if err := dim.Pause(); err != nil {
		t.Fatal(err)
	}
	return w
}

// open makes a gate and waits until every issuer has keys or has failed.
func open(t *testing.T, cfg *config.Config, o gate.Options) *gate.Gate {
	t.Helper()
	return openSharing(t, nil, cfg, o)
}

// openSharing opens a gate that shares another gate's keys.
func openSharing(t *testing.T, keys *gate.Gate, cfg *config.Config, o gate.Options) *gate.Gate {
	t.Helper()
	return openCompiled(t, cfg, gate.CompileOptions{Logger: o.Logger, Now: o.Now, Keys: keys}, o)
}

// openCandidate opens a candidate that shares the live gate's keys.
func openCandidate(t *testing.T, keys *gate.Gate, cfg *config.Config, o gate.Options) *gate.Gate {
	t.Helper()
	return openCompiled(t, cfg, gate.CompileOptions{Logger: o.Logger, Now: o.Now, Keys: keys, Candidate: true}, o)
}

func openCompiled(t *testing.T, cfg *config.Config, c gate.CompileOptions, o gate.Options) *gate.Gate {
	t.Helper()
	p, err := gate.Compile(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(p, o)
	t.Cleanup(g.Close)
	limit := time.After(20 * time.Second)
	for {
		changed := g.Issuers().Changed()
		if g.Issuers().Healthy() {
			return g
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("the issuers have neither keys nor a failure: %+v", g.Issuers().Stats())
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// add adds an issuer to a server. If iss is empty, the issuer's URL is its iss.
func addIssuer(t *testing.T, server *devidp.Server, name, iss string) *devidp.Issuer {
	t.Helper()
	return testbed.Issuer(t, server, name, devidp.IssuerConfig{ISS: iss, Algorithm: "ES256"})
}

// parse parses a config, which must have no mistakes.
func parse(t *testing.T, yaml string, variables map[string]string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("gate.yaml", []byte(yaml), func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	})
	if err != nil {
		t.Fatalf("the test's config:\n%v", err)
	}
	return cfg
}

// claims returns the claims of a valid token of home with these changes. nil removes a
// claim.
func claims(changed map[string]any) map[string]any {
	all := map[string]any{
		"sub": "alice", "aud": "orders-api", "client_id": "web", "org": "acme",
		"groups": []string{"admin", "staff"}, "scope": "orders/read orders/write",
	}
	maps.Copy(all, changed)
	return all
}

// mint returns a token of i with these claims, iss, iat and exp.
func mint(t *testing.T, i *devidp.Issuer, claims map[string]any) string {
	t.Helper()
	raw, err := i.Mint(claims, 0)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sign returns a token of i with changes to its header and claims.
func sign(t *testing.T, i *devidp.Issuer, header, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": i.ISS(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	raw, err := i.Sign(header, all)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// tampered returns the token with an invalid signature.
func tampered(raw string) string {
	dot := strings.LastIndexByte(raw, '.') + 1
	other := byte('A')
	if raw[dot] == other {
		other = 'B'
	}
	return raw[:dot] + string(other) + raw[dot+1:]
}

// get returns a GET request with header fields in the form `name: value`.
func get(target string, fields ...string) *request.Request {
	return requestOf("GET", target, fields...)
}

func requestOf(method, target string, fields ...string) *request.Request {
	r := &request.Request{Method: method, Authority: "api.example", Target: target, Source: "192.0.2.7"}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Headers = append(r.Headers, request.Header{Name: name, Value: value})
	}
	return r
}

// named sets the route that Envoy names.
func named(route string, r *request.Request) *request.Request {
	r.SetRoute(route)
	return r
}

// bearer returns the Authorization field of a token.
func bearer(raw string) string { return "authorization: Bearer " + raw }

// decide decides a request and checks that the decision is consistent.
func (w *fixture) decide(t *testing.T, r *request.Request) *gate.Decision {
	t.Helper()
	d := w.gate.Decide(t.Context(), r)
	consistent(t, d)
	return d
}

// consistent checks that a decision has all fields of its verdict, and no fields of the
// other verdicts.
func consistent(t *testing.T, d *gate.Decision) {
	t.Helper()
	switch d.Verdict {
	case gate.VerdictAllow:
		if d.Denial != nil || d.Status() != 200 {
			t.Errorf("allowed (%s) with status %d and denial %+v", d.Reason, d.Status(), d.Denial)
		}
	case gate.VerdictDeny:
		if d.Denial == nil {
			t.Fatalf("denied (%s) without a denial", d.Reason)
		}
		if d.Denial.Status < 400 || d.Denial.Status > 503 || d.Status() != d.Denial.Status {
			t.Errorf("denied (%s) with status %d, decision says %d", d.Reason, d.Denial.Status, d.Status())
		}
		if d.Answer != nil || len(d.Set)+len(d.Remove)+len(d.RemoveParameters)+len(d.AddToResponse) > 0 {
			t.Errorf("denied (%s), but it sets %v, removes %v and %v, adds %v to the response or answers %+v",
				d.Reason, d.Set, d.Remove, d.RemoveParameters, d.AddToResponse, d.Answer)
		}
	case gate.VerdictAnswer:
		if d.Answer == nil || d.Denial != nil || d.Status() != d.Answer.Status || d.Status() < 200 || d.Status() > 399 {
			t.Errorf("answered (%s) with status %d, %+v, denial %+v", d.Reason, d.Status(), d.Answer, d.Denial)
		}
		if len(d.Set)+len(d.Remove)+len(d.RemoveParameters)+len(d.AddToResponse) > 0 {
			t.Errorf("answered (%s), but it changes the request", d.Reason)
		}
	default:
		t.Errorf("verdict %q of reason %s", d.Verdict, d.Reason)
	}
}

// forwarded returns the headers that the application receives. Envoy first sets headers and
// then removes headers, both without regard to case.
func forwarded(d *gate.Decision, r *request.Request) map[string][]string {
	got := map[string][]string{}
	for _, h := range r.Headers {
		name := strings.ToLower(h.Name)
		got[name] = append(got[name], h.Value)
	}
	for h := range d.Set.All() {
		got[strings.ToLower(h.Name)] = []string{h.Value}
	}
	for _, name := range d.Remove {
		delete(got, strings.ToLower(name))
	}
	return got
}

// identityOf returns the received headers that an application could read as identity
// headers, by the dashed form of their names.
func identityOf(received map[string][]string) map[string]string {
	found := map[string]string{}
	for name, values := range received {
		folded := identity.Fold(name)
		if strings.HasPrefix(folded, "x-user-") {
			found[folded] += strings.Join(values, " AND ")
		}
	}
	return found
}
