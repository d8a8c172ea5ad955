package policytest_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/policytest"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// Each row is a case that passes only if its token, source and time are those in the
// file.
func TestRunDecidesAsTheGateDoes(t *testing.T) {
	both := twoIssuers + someRoutes
	for name, row := range map[string]struct{ config, cases string }{
		"public, no route and a closed one": {both, `
cases:
  - {request: GET /api/health, expect: {verdict: allow, reason: public, route: health, status: 200}}
  - {request: GET /nowhere, expect: {verdict: deny, reason: credential_missing, route: default, status: 401}}
  - {request: GET /closed/x, token: {issuer: cruddur}, expect: {reason: route_denied, route: closed, status: 403}}
  - {request: GET /a/../b, expect: {reason: path_refused, route: none, status: 400}}
  - {request: {path: /api/health, host: "a,b"}, expect: {reason: host_refused, status: 400}}
`},
		"an access token of Cognito": {both, `
cases:
  - request: GET /admin/1
    token: {issuer: cruddur, claims: {sub: alice, "cognito:groups": [staff, admin]}}
    expect:
      verdict: allow
      headers: {x-user-id: alice, x-user-name: alice, x-user-groups: "staff,admin", x-user-client: web, x-user-kind: user,
          x-user-issuer: cruddur, x-user-email: null}
      removed: [X-User-Email, authorization]
`},
		"an ID token of Cognito": {both, `
cases:
  - request: GET /api/home
    token: {issuer: cruddur, claims: {sub: alice, token_use: id, email: a@b.example, aud: mobile}}
    expect: {reason: allowed, headers: {x-user-name: alice, x-user-email: a@b.example, x-user-client: mobile}}
  - request: GET /api/home
    token: {issuer: cruddur, claims: {token_use: id, aud: orders}}
    expect: {reason: client_mismatch}
`},
		"tokens of any tenant": {`
issuers:
  entra: {issuer: "https://login.microsoftonline.com/{tenant}/v2.0", tenants: any, audiences: [api], prefix: "e:{tenant}:"}
identity: {headers: {x-user-tenant: $tenant}}
`, `
cases:
  - request: GET /
    token: {}
    expect: {reason: allowed, headers: {x-user-tenant: 11111111-2222-4333-8444-555555555555}}
  - request: GET /
    token: {claims: {sub: ann, tid: 99999999-2222-4333-8444-555555555555}}
    expect:
      reason: allowed
      headers: {x-user-tenant: 99999999-2222-4333-8444-555555555555, x-user-id: "e:99999999-2222-4333-8444-555555555555:ann"}
  - request: GET /
    token: {claims: {iss: "https://sts.windows.net/99999999-2222-4333-8444-555555555555/"}}
    expect: {reason: claim_mismatch}
  - {request: GET /, token: {claims: {tid: contoso}}, expect: {reason: claim_mismatch}}
`},
		"only the kinds that the pool takes": {`
issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web], token_use: [id]}}
`, `
cases:
  - {request: GET /, token: {claims: {sub: alice}}, expect: {reason: allowed, headers: {x-user-name: alice, x-user-client: web}}}
  - {request: GET /, token: {claims: {token_use: access}}, expect: {reason: token_use_mismatch}}
`},
		"an access token of Cognito for an audience": {`
issuers: {pool: {cognito: us-west-1_6BpkgoczU, clients: [web], audiences: [api], token_use: [access]}}
`, `
cases:
  - {request: GET /, token: {}, expect: {reason: allowed}}
  - {request: GET /, token: {claims: {aud: null}}, expect: {reason: audience_mismatch}}
`},
		"a program's token of Cognito": {both, `
cases:
  - {request: GET /api/home, token: {issuer: cruddur, claims: {sub: web}},
      expect: {reason: allowed, headers: {x-user-kind: client, x-user-name: null}}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {username: null}}, expect: {reason: allowed, headers: {x-user-kind: client}}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {sub: app, client_id: mobile}},
      expect: {reason: allowed, headers: {x-user-kind: user, x-user-client: mobile}}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {sub: [a], client_id: [a]}}, expect: {reason: claims_malformed}}
`},
		"an OIDC issuer with a prefix, a type and a lifetime": {both, `
cases:
  - request: GET /any
    token: {issuer: partner, claims: {sub: bob, groups: [sales], scope: orders/read}}
    expect: {verdict: allow, headers: {x-user-id: "partner:bob", x-user-groups: "partner:sales", x-user-client: shop}}
  - {request: GET /any, token: {issuer: partner, header: {typ: JWT}}, expect: {reason: type_not_allowed}}
  - {request: GET /any, token: {issuer: partner, header: {typ: null}}, expect: {reason: scope_missing}}
  - {request: GET /any, token: {issuer: partner, expires: 11m}, expect: {reason: lifetime_too_long}}
  - {request: GET /any, token: {issuer: partner, claims: {azp: other}}, expect: {reason: client_mismatch}}
  - {request: GET /any, token: {issuer: partner, claims: {client_id: null}}, expect: {reason: client_mismatch}}
  - {request: GET /any, token: {issuer: partner, claims: {aud: [a, b]}}, expect: {reason: audience_mismatch}}
  - {request: GET /any, token: {issuer: cruddur, claims: {"cognito:groups": [sales]}}, expect: {verdict: allow}}
  - {request: GET /admin/1, token: {issuer: partner, claims: {groups: [admin]}}, expect: {reason: issuer_not_allowed}}
`},
		"EdDSA": {`
issuers: {one: {issuer: "https://one.example", audiences: [api], algorithms: [EdDSA]}}
`, `
cases: [{request: GET /, token: {}, expect: {reason: allowed, headers: {x-user-id: somebody, x-user-client: null}}}]
`},
		"PS256, whose client is azp": {`
issuers: {one: {issuer: "https://one.example", clients: [web, app], algorithms: [PS256]}}
`, `
cases:
  - {request: GET /, token: {claims: {azp: app}}, expect: {reason: allowed, headers: {x-user-client: app}}}
  - {request: GET /, token: {claims: {nonce: n}}, expect: {reason: token_use_mismatch}}
`},
		"claims that the issuer names": {`
issuers:
  ci: {issuer: "https://ci.example/", audiences: [api], clients: [robot], client_claims: [/app/id], subject_claims: [oid],
       algorithms: [ES256], require: {owner: [acme], /app/env: [prod, test]}}
`, `
cases:
  - {request: GET /x, token: {}, expect: {verdict: allow, headers: {x-user-client: robot, x-user-id: somebody}}}
  - {request: GET /x, token: {claims: {oid: bob}}, expect: {verdict: allow, headers: {x-user-id: bob}}}
  - {request: GET /x, token: {claims: {oid: null}}, expect: {reason: subject_missing}}
  - {request: GET /x, token: {claims: {owner: evil}}, expect: {reason: claim_mismatch}}
  - {request: GET /x, token: {claims: {app: {id: other, env: test}}}, expect: {reason: client_mismatch}}
  - {request: GET /x, token: {claims: {app: {id: robot, env: test}}}, expect: {verdict: allow}}
`},
		"what is wrong with a token": {both, `
cases:
  - {request: GET /api/home, expect: {reason: anonymous, headers: {x-user-id: null}}}
  - {request: GET /api/home, token: none, expect: {reason: anonymous}}
  - {request: GET /api/home, token: {raw: "null"}, expect: {reason: token_malformed}}
  - {request: GET /api/feed, token: {raw: "null"}, expect: {reason: anonymous_invalid}}
  - {request: GET /api/home, token: {issuer: cruddur, header: {alg: none}}, expect: {reason: alg_not_allowed}}
  - {request: GET /api/home, token: {issuer: cruddur, header: {crit: [x]}}, expect: {reason: header_not_allowed}}
  - {request: GET /api/home, token: {issuer: cruddur, header: {kid: ""}}, expect: {reason: kid_missing}}
  - {request: GET /api/home, token: {issuer: cruddur, header: {kid: null}}, expect: {reason: allowed}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {iss: "https://evil.example/"}}, expect: {reason: issuer_unknown}}
  - {request: GET /api/home, token: {issuer: cruddur, header: {typ: at+jwt}, claims: {iss: "https://login.partner.example/"}},
      expect: {reason: key_unknown}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {exp: null}}, expect: {reason: expiry_missing}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {sub: null}}, expect: {reason: subject_missing}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {exp: soon}}, expect: {reason: claims_malformed}}
  - {request: {path: /api/home, headers: {authorization: [Bearer a.b.c, Bearer d.e.f]}},
      expect: {reason: credential_ambiguous, status: 400}}
  - {request: {path: /api/home, headers: {authorization: ""}}, expect: {reason: anonymous}}
`},
		"moments": {both, `
tokens: {hour: {issuer: cruddur}, day: {issuer: cruddur, expires: 24h}}
cases:
  - {request: GET /api/home, token: hour, at: 1h29s, expect: {verdict: allow}}
  - {request: GET /api/home, token: hour, at: +1h30s, expect: {reason: expired}}
  - {request: GET /api/home, token: day, at: +2h, expect: {verdict: allow}}
  - {request: GET /api/home, token: hour, at: -30s, expect: {verdict: allow}}
  - {request: GET /api/home, token: hour, at: -31s, expect: {reason: issued_in_future}}
  - {request: GET /api/home, token: {issuer: cruddur, expires: -1h}, expect: {reason: expired}}
  - {request: GET /api/home, token: {issuer: partner, expires: -1h}, at: -1h, expect: {verdict: allow}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {nbf: +5m}}, expect: {reason: not_yet_valid}}
  - {request: GET /api/home, token: {issuer: cruddur, claims: {nbf: +5m}}, at: +5m, expect: {verdict: allow}}
  - {request: GET /fresh, token: {issuer: cruddur, claims: {auth_time: -50m}}, expect: {verdict: allow}}
  - {request: GET /fresh, token: {issuer: cruddur, claims: {auth_time: -50m}}, at: 11m, expect: {reason: login_too_old, status: 401}}
  - {request: GET /fresh, token: {issuer: cruddur, claims: {auth_time: 1}}, expect: {reason: login_too_old}}
  - {request: GET /fresh, token: {issuer: cruddur}, at: 87600h, expect: {reason: expired}}
`},
		"where the route looks first": {both, `
tokens: {alice: {issuer: cruddur, claims: {sub: alice}}}
cases:
  - {request: GET /stream, token: alice, expect: {verdict: allow, headers: {x-user-id: alice}}}
  - {request: "GET /stream?a=b", token: alice, expect: {verdict: allow}}
  - {request: GET /page, token: alice, expect: {verdict: allow, removed: [cookie]}}
  - {request: {path: /page, headers: {cookie: "a=b"}}, token: alice, expect: {verdict: allow, headers: {cookie: "a=b"}}}
  - {request: "GET /stream?a=b", token: {raw: "a&b c"}, expect: {reason: token_malformed}}
  - {request: POST /page, token: alice, expect: {reason: cross_site}}
  - {request: {method: POST, path: /page, headers: {sec-fetch-site: same-origin}}, token: alice, expect: {verdict: allow}}
  - {request: GET /field, token: alice, expect: {verdict: allow, removed: [x-token]}}
  - {request: GET /socket, token: alice, expect: {verdict: allow}}
  - {request: {path: /socket, headers: {Upgrade: h2c}}, token: alice, expect: {reason: credential_missing}}
`},
		"where the case puts it": {both, `
tokens: {alice: {issuer: cruddur}}
cases:
  - {request: GET /stream, token: alice, in: bearer, expect: {verdict: allow}}
  - {request: GET /page, token: alice, in: bearer, expect: {reason: credential_missing}}
  - {request: GET /page, token: alice, in: {cookie: other}, expect: {reason: credential_missing}}
  - {request: GET /api/home, token: alice, in: {query: access_token}, expect: {reason: anonymous}}
  - {request: GET /api/home, token: alice, in: {header: x-token}, expect: {reason: anonymous}}
  - {request: GET /field, token: alice, in: {websocket_protocol: bearer}, expect: {reason: credential_missing}}
`},
		"hosts, preflights and forged headers": {both, `
tokens: {alice: {issuer: cruddur, claims: {sub: alice}}}
cases:
  - {request: {path: /other, host: other.example}, token: alice, expect: {verdict: allow, route: other}}
  - {request: GET /other, token: alice, expect: {verdict: allow, route: default}}
  - {request: {method: OPTIONS, path: /admin/1, headers: {origin: "https://a.example", access-control-request-method: PUT}},
      expect: {reason: credential_missing}}
  - {request: delete /admin/1, token: alice, expect: {reason: method_refused, route: none}}
  - {request: {path: /api/health, headers: {X_User_Id: root, x-user-id: root}},
      expect: {reason: public, headers: {x-user-id: null}, removed: [x_user_id, x-user-id]}}
`},
		"preflights that the gate answers": {both + "cors: {origins: [\"https://a.example\"]}\n", `
cases:
  - {request: {method: OPTIONS, path: /admin/1, headers: {origin: "https://a.example", access-control-request-method: PUT}},
      expect: {verdict: answer, status: 200, route: none}}
  - {request: {method: OPTIONS, path: /admin/1, headers: {origin: "https://b.example", access-control-request-method: PUT}},
      expect: {reason: preflight_refused, status: 403}}
`},
		"further rules": {both, `
tokens: {alice: {issuer: cruddur, claims: {sub: alice}}}
cases:
  - {request: GET /API/home, token: alice, expect: {verdict: allow, route: default, further: [home]}}
  - {request: GET /api/home, token: alice, expect: {verdict: allow, further: []}}
`},
		"a route that Envoy names": {both, `
tokens: {alice: {issuer: cruddur, claims: {sub: alice}}}
cases:
  - {request: {path: /page, route: page}, token: alice, expect: {verdict: allow, route: page}}
  - {request: {path: /page, route: nobody}, token: alice, expect: {reason: route_unknown, status: 503}}
  - {request: {path: /page, route: admin}, token: alice, expect: {reason: route_mismatch}}
`},
		"without any issuer": {`
routes: [{name: open, match: /open, access: public}]
default: deny
`, `
cases:
  - {request: GET /open, expect: {reason: public}}
  - {request: GET /open, token: {raw: junk}, expect: {reason: public}}
  - {request: GET /shut, expect: {reason: route_denied, route: default}}
`},
	} {
		t.Run(name, func(t *testing.T) {
			report := run(t, testbed.Config(t, row.config), row.cases)
			if report.Failed() > 0 || len(report.Results) == 0 {
				t.Error(text(t, report))
			}
		})
	}
}

// The gate accepts tokens signed with each algorithm that a config can name.
func TestEveryAlgorithm(t *testing.T) {
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			cfg := testbed.Config(t, "issuers: {one: {issuer: 'https://one.example', audiences: [api], algorithms: ["+alg+"]}}\n")
			report := run(t, cfg, one("request: GET /", "token: {}", "expect: {reason: allowed}"))
			if report.Failed() > 0 {
				t.Error(text(t, report))
			}
		})
	}
}

// An unknown kid stays unknown for any number of cases, without waiting longer than for
// one read of the file.
func TestManyUnknownKIDs(t *testing.T) {
	cases := "cases:\n"
	for _, kid := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		cases += "  - {request: GET /api/home, token: {issuer: cruddur, header: {kid: " + kid + "}}, expect: {reason: key_unknown}}\n" +
			"  - {request: GET /api/feed, token: {issuer: cruddur, header: {kid: x" + kid + "}}, expect: {reason: anonymous_invalid}}\n"
	}
	if report := run(t, testbed.Config(t, twoIssuers+someRoutes), cases); report.Failed() > 0 {
		t.Error(text(t, report))
	}
}

// Signed durations are resolved in the claims that are times, and in no other claims.
func TestResolveTimes(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	claims := map[string]any{
		"exp": "+1h", "nbf": "-1h", "iat": "+0s", "auth_time": "-1m",
		"level": "-1m",
	}
	policytest.ResolveTimes(claims, now)
	want := map[string]any{
		"exp": json.Number("1003600"), "nbf": json.Number("996400"), "iat": json.Number("1000000"), "auth_time": json.Number("999940"),
		"level": "-1m",
	}
	if !maps.Equal(claims, want) {
		t.Errorf("claims %v, want %v", claims, want)
	}
	for _, kept := range []any{"1h", "-soon", "", nil, json.Number("5"), "-99999999h"} {
		claims := map[string]any{"exp": kept}
		if policytest.ResolveTimes(claims, now); claims["exp"] != kept {
			t.Errorf("%v has become %v", kept, claims["exp"])
		}
	}
	policytest.ResolveTimes(nil, now)
}

func TestDefaultRouteIsTheGates(t *testing.T) {
	report := run(t, testbed.Config(t, twoIssuers), one("request: GET /", "expect: {verdict: deny, route: default}"))
	if report.Failed() != 0 || len(report.Routes) != 1 || report.Routes[0] != "default" {
		t.Errorf("routes %q\n%s", report.Routes, text(t, report))
	}
}

// The example in the package comment loads and passes.
func TestExampleCases(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "cases.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join("testdata", "jwtgate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	report := run(t, testbed.Config(t, string(file)), string(data))
	const want = "6 cases, 0 failed; 4 of 4 routes matched\n"
	if got := text(t, report); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
