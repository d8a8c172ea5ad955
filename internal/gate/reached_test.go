package gate_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// reached returns, for each reason, a request that has it. Every value that a hostile client
// can choose contains the marker.
func reached() map[gate.Reason]func(t *testing.T, w *fixture) *request.Request {
	// with returns a request for /strict with a token of home that has these changes.
	with := func(header, changed map[string]any) func(*testing.T, *fixture) *request.Request {
		return func(t *testing.T, w *fixture) *request.Request {
			return get("/strict?"+hostile, bearer(sign(t, w.home, header, claims(changed))))
		}
	}
	plain := func(r *request.Request) func(*testing.T, *fixture) *request.Request {
		return func(*testing.T, *fixture) *request.Request { return r }
	}
	const asks = "access-control-request-method: GET"
	type m = map[string]any
	soon, ago := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
	return map[gate.Reason]func(*testing.T, *fixture) *request.Request{
		"allowed":                   with(nil, nil),
		"public":                    plain(get("/open/"+hostile, "x-user-id: "+hostile)),
		"anonymous":                 plain(get("/optional/" + hostile)),
		"anonymous_invalid":         plain(get("/lenient/x", bearer(hostile))),
		"preflight":                 plain(requestOf("OPTIONS", "/strict", "origin: https://"+hostile+".example", asks)),
		"preflight_answered":        plain(requestOf("OPTIONS", "/"+hostile, "origin: https://app.example", asks)),
		"preflight_refused":         plain(requestOf("OPTIONS", "/strict", "origin: https://"+hostile+".example", asks)),
		"method_refused":            plain(requestOf("get-"+hostile, "/open/x")),
		"connection_header_refused": plain(get("/open/x", "connection: upgrade, x-user-id, "+hostile)),
		"path_refused":              plain(get("/open/..;/" + hostile)),
		"host_refused":              plain(&request.Request{Method: "GET", Authority: "a.example," + hostile, Target: "/open/x"}),
		"route_denied":              plain(get("/closed/"+hostile, bearer(hostile))),
		"credential_ambiguous":      plain(get("/strict", bearer("a."+hostile+".c"), bearer("d.e.f"))),
		"credential_missing":        plain(get("/strict?"+hostile, "authorization: Basic "+hostile)),
		"cross_site":                plain(requestOf("POST", "/session/x", "cookie: session="+hostile, "origin: https://"+hostile+".example")),
		"token_malformed":           plain(get("/strict", bearer(hostile))),
		"token_too_large":           with(nil, m{"padding": strings.Repeat(hostile, 500)}),
		"alg_not_allowed":           with(m{"alg": hostile}, nil),
		"header_not_allowed":        with(m{"crit": []string{hostile}, hostile: true}, nil),
		"type_not_allowed":          with(m{"typ": hostile}, nil),
		"kid_missing":               with(m{"kid": "", hostile: "x"}, nil),
		"issuer_unknown":            with(nil, m{"iss": "https://" + hostile + ".example/"}),
		"key_unknown":               with(m{"kid": hostile}, nil),
		"key_unfit":                 with(m{"alg": "ES384"}, m{"sub": hostile}),
		"signature_invalid": func(t *testing.T, w *fixture) *request.Request {
			return get("/strict", bearer(tampered(mint(t, w.home, claims(m{"sub": hostile})))))
		},
		"claims_malformed":   with(nil, m{"exp": hostile}),
		"expiry_missing":     with(nil, m{"exp": nil, "sub": hostile}),
		"expired":            with(nil, m{"exp": ago, "sub": hostile}),
		"not_yet_valid":      with(nil, m{"nbf": soon, "sub": hostile}),
		"issued_in_future":   with(nil, m{"iat": soon, "sub": hostile}),
		"lifetime_too_long":  with(nil, m{"exp": time.Now().Add(25 * time.Hour).Unix(), "sub": hostile}),
		"audience_mismatch":  with(nil, m{"aud": hostile}),
		"client_mismatch":    with(nil, m{"client_id": hostile}),
		"claim_mismatch":     with(nil, m{"org": hostile}),
		"token_bound":        with(nil, m{"cnf": m{"jkt": hostile}}),
		"subject_missing":    with(nil, m{"sub": nil, "name": hostile}),
		"group_missing":      with(nil, m{"groups": []string{hostile}}),
		"scope_missing":      with(nil, m{"scope": "orders/read " + hostile}),
		"client_not_allowed": with(nil, m{"client_id": "mobile", "sub": hostile}),
		"login_too_old": func(t *testing.T, w *fixture) *request.Request {
			return get("/fresh", bearer(mint(t, w.home, claims(m{"auth_time": ago, "acr": "gold", "sub": hostile}))))
		},
		"acr_too_weak": func(t *testing.T, w *fixture) *request.Request {
			return get("/fresh", bearer(mint(t, w.home, claims(m{"auth_time": time.Now().Unix(), "acr": hostile}))))
		},
		"condition_false": func(t *testing.T, w *fixture) *request.Request {
			return get("/own/bob", bearer(mint(t, w.home, claims(m{"sub": hostile}))))
		},
		"condition_error": func(t *testing.T, w *fixture) *request.Request {
			return get("/level", bearer(mint(t, w.home, claims(m{"sub": hostile, "level": hostile}))))
		},
		"token_revoked":      with(nil, m{"sub": "mallory", "jti": hostile}),
		"shadowed":           plain(get("/shadow", bearer(hostile))),
		"route_unknown":      plain(named("nowhere", get("/open/x", "x-user-id: "+hostile))),
		"route_mismatch":     plain(named("strict", get("/open/"+hostile))),
		"identity_too_large": with(nil, m{"sub": strings.Repeat(hostile, 7)}),
		"token_use_mismatch": func(t *testing.T, w *fixture) *request.Request {
			return get("/strict", bearer(mint(t, w.pool, m{"token_use": "id", "aud": "web", "sub": hostile})))
		},
		"issuer_not_allowed": func(t *testing.T, w *fixture) *request.Request {
			return get("/strict", bearer(mint(t, w.pool, m{"token_use": "access", "client_id": "web", "sub": hostile})))
		},
		"keys_unavailable": func(t *testing.T, w *fixture) *request.Request {
			return get("/strict", bearer(mint(t, w.dark, m{"aud": "orders-api", "sub": hostile})))
		},
		"key_pending": func(t *testing.T, w *fixture) *request.Request {
			return get("/strict", bearer(sign(t, w.dim, m{"kid": hostile}, m{"aud": "orders-api"})))
		},
		"keys_stale": func(t *testing.T, w *fixture) *request.Request {
			raw := mint(t, w.dim, m{"aud": "orders-api", "sub": hostile})
			w.clock.ahead.Store(int64(25 * time.Hour)) // after max_stale, while the issuer is down
			return get("/strict", bearer(raw))
		},
	}
}

// fixtureFor returns the fixture in which a request has a reason: live, unless the reason
// needs another config or clock.
func fixtureFor(t *testing.T, live *fixture, reason gate.Reason) *fixture {
	t.Helper()
	switch reason {
	case "keys_stale":
		return start(t)
	case "preflight":
		return startWith(t, issuersYAML+passYAML+routesYAML)
	case "preflight_answered", "preflight_refused":
		return startWith(t, issuersYAML+answerYAML+routesYAML)
	}
	return live
}

// unreachable returns the reasons that no request has by itself.
func unreachable() []gate.Reason {
	return []gate.Reason{gate.ReasonDeadline, gate.ReasonRequestMalformed, gate.ReasonInternal}
}

func TestEveryReasonIsReached(t *testing.T) {
	known := declared(t)
	slices.Sort(known)
	if got := slices.Sorted(maps.Keys(reached())); !slices.Equal(known, slices.Sorted(slices.Values(append(got, unreachable()...)))) {
		t.Errorf("the reasons are\n\t%v\nand requests have\n\t%v", known, got)
	}
	live := start(t)
	for reason, ask := range reached() {
		t.Run(string(reason), func(t *testing.T) {
			w := fixtureFor(t, live, reason)
			d := w.decide(t, ask(t, w))
			if d.Reason != reason {
				t.Fatalf("reason %s (%s), want %s", d.Reason, d.InternalDetail, reason)
			}
			want := answers()[reason]
			if d.Status() != want.status {
				t.Errorf("status %d, want %d", d.Status(), want.status)
			}
			if d.ConfigHash != w.cfg.Hash {
				t.Errorf("config %s, want %s", d.ConfigHash, w.cfg.Hash)
			}
		})
	}
}

// No part of a request or its token is sent back to the client, where it could be interpreted
// as a script or a header, or written into a log.
func TestAnswersEchoNothing(t *testing.T) {
	live := start(t)
	for reason, ask := range reached() {
		t.Run(string(reason), func(t *testing.T) {
			w := fixtureFor(t, live, reason)
			r := ask(t, w)
			r.Headers = append(r.Headers, get("/", "x-request-id: "+hostile, "user-agent: "+hostile).Headers...)
			if r.Header("origin") == "" {
				r.Headers = append(r.Headers, request.Header{Name: "origin", Value: "https://" + hostile + ".example"})
			}
			d := w.decide(t, r)
			if strings.Contains(d.ID.String()+d.Route+string(d.Reason), hostile) {
				t.Errorf("ID %q, route %q or reason %q contains what the client sent", d.ID, d.Route, d.Reason)
			}
			if strings.Contains(fmt.Sprint(d.Answer, d.AddToResponse), hostile) {
				t.Errorf("the response contains what the client sent: %+v, %+v", d.Answer, d.AddToResponse)
			}
			if d.Denial == nil {
				return
			}
			sent := fmt.Sprintf("%+v", *d.Denial)
			if strings.Contains(strings.ToLower(sent), hostile) {
				t.Errorf("the denial contains what the client sent: %q", sent)
			}
			for _, h := range r.Headers {
				raw, ok := strings.CutPrefix(h.Value, "Bearer ")
				if !ok || raw == hostile {
					continue
				}
				for part := range strings.SplitSeq(raw, ".") {
					if len(part) > 8 && strings.Contains(sent+d.InternalDetail, part) {
						t.Errorf("%q or %q contains a part of the token", sent, d.InternalDetail)
					}
				}
			}
		})
	}
}

// A decision has the key ID as soon as the token's header was read, and issuer and subject
// only if the signature was verified.
func TestDecisionRecordsWhatWasProved(t *testing.T) {
	w := start(t)
	kid := w.home.KeyID()
	for _, row := range []struct {
		reason               gate.Reason
		issuer, subject, kid string
		expires              bool
	}{
		{reason: "allowed", issuer: "home", subject: "alice", kid: kid, expires: true},
		{reason: "public"},
		{reason: "credential_missing"},
		{reason: "token_malformed"},
		{reason: "kid_missing"},
		{reason: "issuer_unknown", kid: kid},
		{reason: "key_unknown", kid: hostile},
		{reason: "signature_invalid", kid: kid},
		{reason: "expired", issuer: "home", subject: hostile, kid: kid},
		{reason: "subject_missing", issuer: "home", kid: kid},
		{reason: "token_use_mismatch", issuer: "pool", subject: "pool:" + hostile, kid: w.pool.KeyID()},
		{reason: "group_missing", issuer: "home", subject: "alice", kid: kid, expires: true},
		{reason: "issuer_not_allowed", issuer: "pool", subject: "pool:" + hostile, kid: w.pool.KeyID(), expires: true},
	} {
		t.Run(string(row.reason), func(t *testing.T) {
			d := w.decide(t, reached()[row.reason](t, w))
			if d.Reason != row.reason {
				t.Fatalf("reason %s", d.Reason)
			}
			if d.Issuer != row.issuer || d.Subject != row.subject || d.KeyID != row.kid {
				t.Errorf("issuer %q, subject %q, kid %q, want %+v", d.Issuer, d.Subject, d.KeyID, row)
			}
			if d.Expires.IsZero() == row.expires {
				t.Errorf("expires %v", d.Expires)
			}
		})
	}
}

// A near miss has its own text, and changes nothing else.
func TestNearMissNamesItself(t *testing.T) {
	w := startWith(t, `
issuers:
  home: {issuer: "${HOME_ISS}", prefix: "", clients: [web], algorithms: [ES256], dangerously_allow_http: true}
  api:  {cognito: us-west-1_6BpkgoczU, prefix: "api:", clients: [web], token_use: [access],
         algorithms: [ES256], dangerously_allow_http: true, jwks: {uri: "${POOL_KEYS}"}}
`)
	idOnly := startWith(t, `
issuers:
  web: {cognito: us-west-1_6BpkgoczU, clients: [web], token_use: [id],
        algorithms: [ES256], dangerously_allow_http: true, jwks: {uri: "${POOL_KEYS}"}}
`)
	for _, row := range []struct {
		name string
		w    *fixture
		raw  string
		want string
	}{
		{"an ID token of a pool", w, mint(t, w.pool, map[string]any{"sub": "a", "token_use": "id", "aud": "web"}),
			"this is an ID token and an access token is needed"},
		{"an ID token of an OIDC issuer", w, mint(t, w.home, map[string]any{"sub": "a", "azp": "web", "nonce": "n"}),
			"this is an ID token and an access token is needed"},
		{"an access token of a pool", idOnly, mint(t, idOnly.pool, map[string]any{"sub": "a", "token_use": "access", "client_id": "web"}),
			"this is an access token and an ID token is needed"},
		{"a kind that nobody knows", w, mint(t, w.pool, map[string]any{"sub": "a", "token_use": "refresh", "client_id": "web"}),
			"this kind of token is not accepted here"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := row.w.decide(t, get("/x", bearer(row.raw)))
			if d.Reason != gate.ReasonTokenUseMismatch || d.Denial.Detail != row.want {
				t.Errorf("%s: %q, want %q", d.Reason, d.Denial.Detail, row.want)
			}
			checkChallenge(t, d.Denial, "invalid_token")
		})
	}
}

// TestForgedTokenLearnsNothing: before the signature is verified, only operators learn of a
// near miss.
func TestForgedTokenLearnsNothing(t *testing.T) {
	w := start(t)
	d := w.decide(t, get("/strict", bearer(mint(t, w.home, claims(map[string]any{"iss": w.home.ISS() + "/"})))))
	if d.Reason != gate.ReasonIssuerUnknown || d.Denial.Detail != "the token's issuer is not trusted here" {
		t.Errorf("%s: the client gets %q", d.Reason, d.Denial.Detail)
	}
	if !strings.Contains(d.InternalDetail, "issuer \"home\"") || !strings.Contains(d.Hint, "slash") {
		t.Errorf("the operator gets %q, %q", d.InternalDetail, d.Hint)
	}
}

func TestScopeChallengeNamesTheScopes(t *testing.T) {
	w := startWith(t, issuersYAML+`
routes:
  - {match: /any,    issuers: [home], scopes: [orders/read, orders/admin]}
  - {match: /all,    issuers: [home], scopes: {all: [orders/read, orders/admin]}}
  - {match: /group,  issuers: [home], groups: [nobody], scopes: [orders/admin]}
`)
	raw := mint(t, w.home, claims(map[string]any{"scope": "other"}))
	for path, row := range map[string]struct {
		reason gate.Reason
		want   string
	}{
		"/any":   {"scope_missing", `, scope="orders/read orders/admin"`},
		"/all":   {"scope_missing", `, scope="orders/read orders/admin"`},
		"/group": {"group_missing", ``}, // no scope is missing
	} {
		t.Run(path, func(t *testing.T) {
			d := w.decide(t, get(path, bearer(raw)))
			if d.Reason != row.reason {
				t.Fatalf("reason %s", d.Reason)
			}
			if want := `Bearer realm="jwtgate", error="insufficient_scope"` + row.want; d.Denial.Challenge != want {
				t.Errorf("challenge\n\t%s\nwant\n\t%s", d.Denial.Challenge, want)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	w := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, r := range map[string]*request.Request{
		"with a proper token": get("/strict", bearer(mint(t, w.home, claims(nil)))),
		"on a public route":   get("/open/x"),
		"with a bad path":     get("/a//b"),
	} {
		t.Run(name, func(t *testing.T) {
			d := w.gate.Decide(ctx, r)
			consistent(t, d)
			if d.Reason != gate.ReasonDeadline || d.Status() != http.StatusServiceUnavailable || d.Route != gate.RouteNone {
				t.Errorf("%s %d on route %s", d.Reason, d.Status(), d.Route)
			}
			checkRetryAfter(t, d.Reason, d.Denial)
		})
	}
}
