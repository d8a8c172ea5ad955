package token_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// revocations reads a list for the corpus's issuers.
func revocations(t testing.TB, lines ...string) *token.Revocations {
	t.Helper()
	cfg := must(corpus())
	names := make([]string, len(cfg.Issuers))
	for i, issuer := range cfg.Issuers {
		names[i] = issuer.Name
	}
	list, err := token.ParseRevocations(strings.NewReader(strings.Join(lines, "\n")), names)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// minted10 is a token of "api" that was issued at 10:00:00.5, by the client cli.
func minted10(more map[string]any) string {
	claims := map[string]any{"iat": float64(now.Unix()) - 0.5, "client_id": "cli", "jti": "j-1", "origin_jti": "o-1"}
	for name, value := range more {
		claims[name] = value
	}
	return mintRS256(claims)
}

// TestRevoked: a token that the list names is refused, and said to be by what it
// was named; one that the list nearly names passes.
func TestRevoked(t *testing.T) {
	const issued = "2026-05-17T09:59:59" // and a half
	for _, row := range []struct {
		name  string
		lines []string
		more  map[string]any
		how   string // empty: it passes
	}{
		{"an empty list", nil, nil, ""},
		{"its sub", []string{`{"issuer":"api","sub":"alice"}`}, nil, "sub"},
		{"its client", []string{`{"issuer":"api","client":"cli"}`}, nil, "client"},
		{"its jti", []string{`{"issuer":"api","jti":"j-1"}`}, nil, "jti"},
		{"its origin_jti", []string{`{"issuer":"api","origin_jti":"o-1"}`}, nil, "origin_jti"},
		{"azp is the client", []string{`{"issuer":"api","client":"web"}`}, map[string]any{"client_id": nil, "azp": "web"}, "client"},
		{"azp beside client_id is not", []string{`{"issuer":"api","client":"web"}`}, map[string]any{"azp": "web"}, ""},
		{"all four, in their order", []string{`{"issuer":"api","origin_jti":"o-1"}`, `{"issuer":"api","jti":"j-1"}`, `{"issuer":"api","client":"cli"}`}, nil, "client"},

		{"the sub of another issuer", []string{`{"issuer":"partner","sub":"alice"}`}, nil, ""},
		{"the sub in other capitals", []string{`{"issuer":"api","sub":"Alice"}`}, nil, ""},
		{"another sub", []string{`{"issuer":"api","sub":"alice2"}`}, nil, ""},
		{"its sub as a client", []string{`{"issuer":"api","client":"alice"}`}, nil, ""},
		{"its jti as an origin_jti", []string{`{"issuer":"api","origin_jti":"j-1"}`}, nil, ""},
		{"a jti that is a number", []string{`{"issuer":"api","jti":"5"}`}, map[string]any{"jti": 5}, ""},
		{"an origin_jti that is a list", []string{`{"issuer":"api","origin_jti":"o"}`}, map[string]any{"origin_jti": []string{"o"}}, ""},
		{"no jti and no client", []string{`{"issuer":"api","jti":"j-1"}`, `{"issuer":"api","client":"cli"}`}, map[string]any{"jti": nil, "client_id": nil}, ""},

		{"issued before", []string{`{"issuer":"api","sub":"alice","issued_before":"` + issued + `.500001Z"}`}, nil, "sub"},
		{"issued before by a nanosecond, which counts as more", []string{`{"issuer":"api","sub":"alice","issued_before":"` + issued + `.500000001Z"}`}, nil, "sub"},
		{"issued at that time", []string{`{"issuer":"api","sub":"alice","issued_before":"` + issued + `.5Z"}`}, nil, ""},
		{"issued behind it", []string{`{"issuer":"api","sub":"alice","issued_before":"` + issued + `Z"}`}, nil, ""},
		{"issued before, in another zone", []string{`{"issuer":"api","sub":"alice","issued_before":"2026-05-17T12:00:00+02:00"}`}, nil, "sub"},
		{"issued behind it, in another zone", []string{`{"issuer":"api","sub":"alice","issued_before":"2026-05-17T10:00:00+02:00"}`}, nil, ""},
		{"no iat", []string{`{"issuer":"api","sub":"alice","issued_before":"2000-01-01T00:00:00Z"}`}, map[string]any{"iat": nil}, "sub"},
		{"issued behind the sub's time, and its jti", []string{`{"issuer":"api","sub":"alice","issued_before":"2000-01-01T00:00:00Z"}`, `{"issuer":"api","jti":"j-1"}`}, nil, "jti"},

		{"two times, the later first", []string{`{"issuer":"api","sub":"alice","issued_before":"2030-01-01T00:00:00Z"}`, `{"issuer":"api","sub":"alice","issued_before":"2000-01-01T00:00:00Z"}`}, nil, "sub"},
		{"two times, the later last", []string{`{"issuer":"api","sub":"alice","issued_before":"2000-01-01T00:00:00Z"}`, `{"issuer":"api","sub":"alice","issued_before":"2030-01-01T00:00:00Z"}`}, nil, "sub"},
		{"no time and one", []string{`{"issuer":"api","sub":"alice"}`, `{"issuer":"api","sub":"alice","issued_before":"2000-01-01T00:00:00Z"}`}, nil, "sub"},
		{"one time and none", []string{`{"issuer":"api","sub":"alice","issued_before":"2000-01-01T00:00:00Z"}`, `{"issuer":"api","sub":"alice"}`}, nil, "sub"},
	} {
		t.Run(row.name, func(t *testing.T) {
			verifier, _ := corpusVerifier(t)
			earlier, err := verifier.Verify(t.Context(), minted10(row.more), now)
			if err != nil {
				t.Fatal(err)
			}
			list := revocations(t, row.lines...)
			verifier.SetRevocations(list)
			if how, revoked := list.Revoked(earlier); how != row.how || revoked != (row.how != "") {
				t.Errorf("revoked by %q: %v, want %q", how, revoked, row.how)
			}
			_, err = verifier.Verify(t.Context(), minted10(row.more), now)
			for _, err := range []error{err, verifier.Revocation(earlier)} {
				if row.how == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				failure := refusal(t, err, token.ErrTokenRevoked)
				if failure.Internal != "by its "+row.how || failure.Issuer != "api" || failure.Subject != "alice" || failure.KeyID != "rsa-2048" {
					t.Errorf("%+v", failure)
				}
			}
		})
	}
}

// The subject on the list is the issuer's own, without the prefix; in the record
// of the failure it carries it.
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
	if failure := refusal(t, err, token.ErrTokenRevoked); failure.Internal != "by its client" {
		t.Errorf("%+v", failure)
	}
}

// What can be done about it depends on what is revoked.
func TestRevokedHint(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	for line, mend := range map[string]string{
		`{"issuer":"api","jti":"j-1"}`:        "get a new token; this one alone is revoked",
		`{"issuer":"api","origin_jti":"o-1"}`: "sign in again; all tokens of that sign-in are revoked",
		`{"issuer":"api","client":"cli"}`:     `if it should not be revoked, take its line, "client" of issuer "api", off the list; where that line has issued_before, a new token will do`,
	} {
		verifier.SetRevocations(revocations(t, line))
		_, err := verifier.Verify(t.Context(), minted10(nil), now)
		if failure := refusal(t, err, token.ErrTokenRevoked); failure.Hint != mend {
			t.Errorf("%s: %q, want %q", line, failure.Hint, mend)
		}
	}
}

// Revocation is the last check: a token that is wrong otherwise is refused for that.
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
		_, err := verifier.Verify(t.Context(), minted10(row.more), now)
		refusal(t, err, row.want)
	}
}

// A list takes the place of the one before, and none revokes nothing.
func TestSetRevocations(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	verified := must(verifier.Verify(t.Context(), minted10(nil), now))
	for n, row := range []struct {
		list    *token.Revocations
		revoked bool
	}{
		{revocations(t, `{"issuer":"api","sub":"alice"}`), true},
		{revocations(t, `{"issuer":"api","sub":"bob"}`), false},
		{revocations(t, `{"issuer":"api","jti":"j-1"}`), true},
		{nil, false},
		{new(token.Revocations), false},
	} {
		verifier.SetRevocations(row.list)
		if err := verifier.Revocation(verified); errors.Is(err, token.ErrTokenRevoked) != row.revoked {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// A list may be put in force while tokens are verified; the race detector watches.
func TestSetRevocationsConcurrently(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	lists := []*token.Revocations{nil, revocations(t, `{"issuer":"api","sub":"alice"}`)}
	raw := minted10(nil)
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

// manyRevoked is a list of n lines, by turns of the four kinds.
func manyRevoked(n int) io.Reader {
	var lines strings.Builder
	kinds := [...]string{"sub", "client", "jti", "origin_jti"}
	for i := range n {
		fmt.Fprintf(&lines, `{"issuer":"api",%q:"7f0c0e1a-1111-4222-8333-%012d"}`+"\n", kinds[i%4], i)
	}
	return strings.NewReader(lines.String())
}

// To hold a token to a long list allocates nothing.
func TestRevokedAllocatesNothing(t *testing.T) {
	list := must(token.ParseRevocations(manyRevoked(100_000), []string{"api"}))
	if list.Len() != 100_000 {
		t.Fatalf("%d entries", list.Len())
	}
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, &keyring{keys: published()})
	verified := must(verifier.Verify(t.Context(), minted10(nil), now))
	verifier.SetRevocations(list)
	if n := testing.AllocsPerRun(100, func() { _ = verifier.Revocation(verified) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRevoked is what it costs to hold a token to lists of several lengths,
// and with an issued_before that does not reach it.
func BenchmarkRevoked(b *testing.B) {
	verifier := newVerifier(b, []config.Issuer{apiIssuer()}, &keyring{keys: published()})
	verified := must(verifier.Verify(b.Context(), minted10(nil), now))
	for _, n := range []int{0, 100, 100_000} {
		verifier.SetRevocations(must(token.ParseRevocations(manyRevoked(n), []string{"api"})))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := verifier.Revocation(verified); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
