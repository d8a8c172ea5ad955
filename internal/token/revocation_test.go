package token_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/revocation"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// revocations parses a list for the corpus's issuers.
func revocations(t testing.TB, lines ...string) *revocation.List {
	t.Helper()
	cfg := must(corpus())
	list, err := revocation.Parse(strings.NewReader(strings.Join(lines, "\n")), cfg.IssuerNames())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// mintIssued is a token of "api" that was issued at 09:59:59.5 to the client cli.
func mintIssued(more map[string]any) string {
	claims := map[string]any{"iat": float64(now.Unix()) - 0.5, "client_id": "cli", "jti": "j-1", "origin_jti": "o-1"}
	maps.Copy(claims, more)
	return mintRS256(claims)
}

// TestRevoked: each value of a token is compared with the list, and the failure names the
// one that the list has.
func TestRevoked(t *testing.T) {
	const before = `{"issuer":"api","sub":"alice","issued_before":"2026-05-17T09:59:59`
	for _, row := range []struct {
		name string
		line string
		more map[string]any
		key  string // empty: it is not revoked
	}{
		{"an empty list", "", nil, ""},
		{"its sub", `{"issuer":"api","sub":"alice"}`, nil, "sub"},
		{"its client", `{"issuer":"api","client":"cli"}`, nil, "client"},
		{"its jti", `{"issuer":"api","jti":"j-1"}`, nil, "jti"},
		{"its origin_jti", `{"issuer":"api","origin_jti":"o-1"}`, nil, "origin_jti"},
		{"azp is the client", `{"issuer":"api","client":"web"}`, map[string]any{"client_id": nil, "azp": "web"}, "client"},
		{"azp with client_id is not", `{"issuer":"api","client":"web"}`, map[string]any{"azp": "web"}, ""},

		{"the sub of another issuer", `{"issuer":"partner","sub":"alice"}`, nil, ""},
		{"another sub", `{"issuer":"api","sub":"alice2"}`, nil, ""},
		{"its sub as a client", `{"issuer":"api","client":"alice"}`, nil, ""},
		{"a jti that is a number", `{"issuer":"api","jti":"5"}`, map[string]any{"jti": 5}, ""},
		{"an origin_jti that is an array", `{"issuer":"api","origin_jti":"o"}`, map[string]any{"origin_jti": []string{"o"}}, ""},
		{"no jti", `{"issuer":"api","jti":"j-1"}`, map[string]any{"jti": nil}, ""},
		{"no client", `{"issuer":"api","client":"cli"}`, map[string]any{"client_id": nil}, ""},

		{"issued a microsecond before", before + `.500001Z"}`, nil, "sub"},
		{"issued at that time", before + `.5Z"}`, nil, ""},
		{"issued after that time", before + `Z"}`, nil, ""},
		{"no iat", before + `Z"}`, map[string]any{"iat": nil}, "sub"},
	} {
		t.Run(row.name, func(t *testing.T) {
			verifier, _ := corpusVerifier(t)
			earlier, err := verifier.Verify(t.Context(), mintIssued(row.more), now)
			if err != nil {
				t.Fatal(err)
			}
			verifier.SetRevocations(revocations(t, row.line))
			_, err = verifier.Verify(t.Context(), mintIssued(row.more), now)
			for _, err := range []error{err, verifier.CheckRevocation(earlier)} {
				if row.key == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				failure := refusal(t, err, token.ErrTokenRevoked)
				if failure.Internal != "its "+row.key+" is on the list of revoked tokens" ||
					failure.Issuer != "api" || failure.Subject != "alice" || failure.KeyID != "rsa-2048" {
					t.Errorf("got %+v", failure)
				}
			}
		})
	}
}

// The list has the subject without the issuer's prefix. The failure has it with the prefix.
func TestRevokedSubjectHasNoPrefix(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	raw := forge.Vector{Base: "partner"}.Forge(t, now)
	verifier.SetRevocations(revocations(t, `{"issuer":"partner","sub":"partner:alice"}`))
	if _, err := verifier.Verify(t.Context(), raw, now); err != nil {
		t.Error(err)
	}
	verifier.SetRevocations(revocations(t, `{"issuer":"partner","sub":"alice"}`))
	_, err := verifier.Verify(t.Context(), raw, now)
	if failure := refusal(t, err, token.ErrTokenRevoked); failure.Subject != "partner:alice" {
		t.Errorf("subject %q", failure.Subject)
	}
}

// The client of a Cognito ID token is its aud.
func TestRevokedClientOfACognitoIDToken(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	verifier.SetRevocations(revocations(t, `{"issuer":"pool","client":"3v5site"}`))
	_, err := verifier.Verify(t.Context(), forge.Vector{Base: "pool id"}.Forge(t, now), now)
	if failure := refusal(t, err, token.ErrTokenRevoked); failure.Internal != "its client is on the list of revoked tokens" {
		t.Errorf("%+v", failure)
	}
}

// The hint depends on the key that the list has.
func TestRevokedHint(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	for line, hint := range map[string]string{
		`{"issuer":"api","jti":"j-1"}`:        "get a new token",
		`{"issuer":"api","origin_jti":"o-1"}`: "log in again",
		`{"issuer":"api","client":"cli"}`: `remove the line with its client and issuer "api" ` +
			"from the list of revoked tokens, to accept the token",
		`{"issuer":"api","sub":"alice","issued_before":"2100-01-01T00:00:00Z"}`: `remove the line with its sub and issuer "api" from the list ` +
			"of revoked tokens, to accept the token, or get a new token, which is issued after issued_before of the line",
	} {
		verifier.SetRevocations(revocations(t, line))
		_, err := verifier.Verify(t.Context(), mintIssued(nil), now)
		if failure := refusal(t, err, token.ErrTokenRevoked); failure.Hint() != hint {
			t.Errorf("%s: %q, want %q", line, failure.Hint(), hint)
		}
	}
}

// Revocation is the last check: a token that is also invalid for another reason fails with that reason.
func TestRevokedIsCheckedLast(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	verifier.SetRevocations(revocations(t, `{"issuer":"api","sub":"alice"}`, `{"issuer":"api","jti":"j-1"}`))
	for _, row := range []struct {
		more map[string]any
		want error
	}{
		{map[string]any{"exp": 1}, token.ErrExpired},
		{map[string]any{"aud": "x"}, token.ErrAudienceMismatch},
		{map[string]any{"sub": ""}, token.ErrSubjectMissing},
		{map[string]any{"username": "partner:x"}, token.ErrClaimsMalformed},
	} {
		_, err := verifier.Verify(t.Context(), mintIssued(row.more), now)
		refusal(t, err, row.want)
	}
}

// SetRevocations replaces the list; nil revokes nothing.
func TestSetRevocations(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	verified := must(verifier.Verify(t.Context(), mintIssued(nil), now))
	for n, row := range []struct {
		list    *revocation.List
		revoked bool
	}{
		{revocations(t, `{"issuer":"api","sub":"alice"}`), true},
		{revocations(t, `{"issuer":"api","sub":"bob"}`), false},
		{revocations(t, `{"issuer":"api","jti":"j-1"}`), true},
		{nil, false},
		{new(revocation.List), false},
	} {
		verifier.SetRevocations(row.list)
		if err := verifier.CheckRevocation(verified); errors.Is(err, token.ErrTokenRevoked) != row.revoked {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// SetRevocations may be called while tokens are verified. Run it with the race detector.
func TestSetRevocationsConcurrently(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	lists := []*revocation.List{nil, revocations(t, `{"issuer":"api","sub":"alice"}`)}
	raw := mintIssued(nil)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for n := range 50 {
				verifier.SetRevocations(lists[n%2])
				if _, err := verifier.Verify(context.Background(), raw, now); err != nil && !errors.Is(err, token.ErrTokenRevoked) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// A check of a verified token against the list allocates no memory.
func TestRevokedAllocatesNothing(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	verified := must(verifier.Verify(t.Context(), mintIssued(nil), now))
	verifier.SetRevocations(revocations(t, `{"issuer":"api","sub":"bob"}`, `{"issuer":"api","client":"web"}`,
		`{"issuer":"api","jti":"j-2"}`, `{"issuer":"api","origin_jti":"o-2"}`))
	if n := testing.AllocsPerRun(100, func() { _ = verifier.CheckRevocation(verified) }); n > 0 {
		t.Errorf("got %v allocations", n)
	}
}
