//go:build !race

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// denials returns every row of the answer table that a client can cause while the gate and
// its issuers are healthy.
func denials(t *testing.T, i issuers) []denial {
	good := bearer(mint(t, i.cruddur, access(nil)))
	partner := func(changes map[string]any) string {
		return bearer(mint(t, i.partner, merged(map[string]any{"sub": "p1", "aud": "orders-api"}, changes)))
	}
	get := func(path string, headers ...string) call { return call{line: "GET " + path, headers: headers} }
	rows := []denial{
		{name: "no credential", call: get("/api/messages"), wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError},
		{name: "another scheme is no credential", call: get("/api/messages", "authorization: Basic YTpi"), wantStatus: 401,
			wantReason: "credential_missing", wantChallenge: noError},
		{name: "an empty authorization", call: get("/api/messages", "authorization:"), wantStatus: 401,
			wantReason: "credential_missing", wantChallenge: noError},

		{name: "no issuer's route, but the wrong one", call: get("/api/partner/7", good), wantStatus: 403, wantReason: "issuer_not_allowed"},
		{name: "a denied route", call: get("/api/internal/metrics", good), wantStatus: 403, wantReason: "route_denied"},
		{name: "a denied method", call: call{line: "DELETE /api/messages/7", headers: []string{good}}, wantStatus: 403,
			wantReason: "route_denied"},
		{name: "no group at all", call: get("/api/admin/users", good), wantStatus: 403, wantReason: "group_missing",
			wantChallenge: insufficientScope},
		{
			name:       "another group",
			call:       get("/api/admin", bearer(mint(t, i.cruddur, access(map[string]any{"cognito:groups": []string{"users", "Admin"}})))),
			wantStatus: 403, wantReason: "group_missing", wantChallenge: insufficientScope,
		},
		{
			name: "our group, said by a partner", call: get("/api/admin", partner(map[string]any{"groups": []string{"admin"}})),
			wantStatus: 403, wantReason: "group_missing", wantChallenge: insufficientScope,
		},
		{
			name: "one scope of two", call: get("/api/orders/7", partner(map[string]any{"scope": "orders/read openid"})),
			wantStatus: 403, wantReason: "scope_missing", wantChallenge: insufficientScope + `, scope="orders/read orders/list"`,
		},
		{name: "another client", call: get("/api/billing/7", good), wantStatus: 403, wantReason: "client_not_allowed",
			wantChallenge: insufficientScope},
		{
			name:       "an identity value that is too large",
			call:       get("/api/messages", bearer(mint(t, i.cruddur, access(map[string]any{"username": strings.Repeat("a", 1025)})))),
			wantStatus: 403, wantReason: "identity_too_large",
		},
		{name: "a bad token where one is optional", call: get("/api/feed", "authorization: Bearer null"), wantStatus: 401,
			wantReason: "token_malformed", wantChallenge: invalidToken},

		{
			name:       "keys that were never loaded",
			call:       get("/api/messages", bearer(mint(t, i.silent, map[string]any{"sub": "s", "aud": "orders-api"}))),
			wantStatus: 503, wantReason: "keys_unavailable",
		},
	}
	rows = append(rows, ambiguous(t, i)...)
	rows = append(rows, refusedPaths(good)...)
	return append(rows, badTokens(t, i)...)
}

// ambiguous returns the requests with two credentials.
func ambiguous(t *testing.T, i issuers) []denial {
	a, b := mint(t, i.cruddur, access(nil)), mint(t, i.cruddur, access(nil))
	row := func(name string, headers ...string) denial {
		return denial{
			name: name, call: call{line: "GET /api/messages", headers: headers},
			wantStatus: 400, wantReason: "credential_ambiguous", wantChallenge: invalidRequest,
		}
	}
	return []denial{
		row("two authorization fields", bearer(a), bearer(b)),
		row("the same one twice", bearer(a), bearer(a)),
		row("a comma", "authorization: Bearer "+a+", Bearer "+b),
		row("a comma in another scheme", "authorization: Digest a=1, b=2"),
	}
}

// refusedPaths returns requests with a valid token whose path or host two servers may read
// differently.
func refusedPaths(good string) []denial {
	row := func(name, path string, onlyBare bool) denial {
		return denial{
			name: name, call: call{line: "GET " + path, headers: []string{good}},
			wantStatus: 400, wantReason: "path_refused", onlyBare: onlyBare, onlyHTTP1: onlyBare,
		}
	}
	rows := []denial{
		row("a semicolon", "/api/health;x=1", false),
		row("an encoded dot segment behind a semicolon", "/api/health/%2e%2e;/admin", false),
		row("an encoded semicolon", "/api/health%3b/admin", false),
		row("a twice encoded slash", "/api/health%252f..%252fadmin", false),
		row("a broken percent", "/api/health%zz", false),
		row("a control character", "/api/health%0a", false),
		row("invalid UTF-8", "/api/health%ff", false),
		row("dot segments", "/api/health/../admin", true),
		row("encoded dot segments", "/api/health/%2e%2e/admin", true),
		row("an encoded slash", "/api/health%2f..%2fadmin", true),
		row("an encoded backslash", "/api/health%5cadmin", true),
		row("a backslash", `/api/health\..\admin`, true),
		row("a double slash", "//api/health", true),
	}
	return append(rows, denial{
		name: "two hosts", call: call{line: "GET /api/health", headers: []string{"host: docs.example", "host: api.example"}},
		wantStatus: 400, wantReason: "host_refused", onlyHTTP1: true,
	})
}

// TestAnswerTable sends every row through the shipped Envoy, over HTTP/1.1 and HTTP/2, and
// through the bare one, and compares the whole answer. The application receives none of the
// requests.
func TestAnswerTable(t *testing.T) {
	s := startStack(t)
	for _, way := range s.ways() {
		t.Run(way.name, func(t *testing.T) {
			for _, row := range denials(t, s.issuers) {
				if row.onlyBare && way.through != s.bare || row.onlyHTTP1 && way.isHTTP2 {
					continue
				}
				t.Run(row.name, func(t *testing.T) {
					row.check(t, way.send(t, way.through.address, row.call))
					if reached := s.application.take(); len(reached) != 0 {
						t.Errorf("the application received %v", reached)
					}
				})
			}
		})
	}
}

// TestAMissingKeyIsAnOutageFirst: while the gate cannot fetch the issuer's keys, an unknown
// kid is an outage; once the key set has arrived without it, the token is invalid; and the
// gate follows a rotation.
func TestAMissingKeyIsAnOutageFirst(t *testing.T) {
	s := startStack(t)
	old := mint(t, s.issuers.cruddur, access(nil))
	ask := func(token string) answer {
		return http1(t, s.shipped.address, call{line: "GET /api/messages", headers: []string{bearer(token)}})
	}
	if got := ask(old); got.Status != 200 {
		t.Fatalf("a good token is answered %d %s", got.Status, got.Body)
	}
	if err := s.issuers.server.Pause(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.issuers.cruddur.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh := mint(t, s.issuers.cruddur, access(nil))
	denial{wantStatus: 503, wantReason: "key_pending"}.check(t, ask(fresh))
	if got := ask(old); got.Status != 200 {
		t.Errorf("during the outage a proper token is answered %d %s", got.Status, got.Body)
	}
	if err := s.issuers.server.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the rotated key is accepted", func() error {
		if got := ask(fresh); got.Status != 200 {
			if got.Status != 503 {
				t.Fatalf("got %d %s for a rotated key, want 503 until it is loaded", got.Status, got.Body)
			}
			return fmt.Errorf("status %d", got.Status)
		}
		return nil
	})
}
