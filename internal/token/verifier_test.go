package token_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// Symmetric algorithms and none cannot be configured.
func TestNewVerifierRefusesAlgorithms(t *testing.T) {
	for _, alg := range []string{
		"none", "None", "HS256", "HS384", "HS512", "hs256", "rs256", "RS1", "ES256K", "Ed448", "ed25519", "RSA-OAEP", "dir", "",
	} {
		issuer := apiIssuer()
		issuer.Algorithms = []string{"RS256", alg}
		newVerifierRefuses(t, "is not supported", issuer)
	}
}

// An issuer without a setting that restricts its tokens is an error.
func TestNewVerifierRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*config.Issuer)
		wrong  string
	}{
		{"no iss", func(i *config.Issuer) { i.ISS = nil }, "lacks an iss"},
		{"empty iss", func(i *config.Issuer) { i.ISS = []string{"https://x.example", ""} }, "has an empty iss"},
		{"no algorithm", func(i *config.Issuer) { i.Algorithms = nil }, "lacks an iss, an algorithm"},
		{"neither audience nor client", func(i *config.Issuer) { i.Audiences = nil }, "or both audiences and clients"},
		{"empty audience", func(i *config.Issuer) { i.Audiences = []string{""} }, "has an empty iss, audience or client"},
		{"empty client", func(i *config.Issuer) { i.Clients = []string{""} }, "has an empty iss, audience or client"},
		{"a repeated iss", func(i *config.Issuer) { i.ISS = append(i.ISS, i.ISS[0]) }, "share the iss"},
	} {
		t.Run(row.name, func(t *testing.T) {
			issuer := apiIssuer()
			row.change(&issuer)
			newVerifierRefuses(t, row.wrong, issuer)
		})
	}
	t.Run("two issuers with one iss", func(t *testing.T) {
		other := apiIssuer()
		other.Name = "other"
		newVerifierRefuses(t, `issuers "api" and "other" share the iss "https://api.example/"`, apiIssuer(), other)
	})
	t.Run("no keys", func(t *testing.T) {
		_, err := token.NewVerifier([]config.Issuer{apiIssuer()}, maxBytes, nil, func(string) token.KeySource { return nil })
		if err == nil || !strings.Contains(err.Error(), `issuer "api" has no key source`) {
			t.Errorf("got %v", err)
		}
	})
}

func newVerifierRefuses(t *testing.T, wrong string, issuers ...config.Issuer) {
	t.Helper()
	v, err := token.NewVerifier(issuers, maxBytes, nil, func(string) token.KeySource { return &tokentest.Keyring{} })
	if v != nil || err == nil || !strings.Contains(err.Error(), wrong) {
		t.Errorf("%v: got %v, want an error with %q", issuers, err, wrong)
	}
}

// A verifier without issuers rejects every token.
func TestVerifierWithoutIssuers(t *testing.T) {
	verifier := newVerifier(t, nil, &tokentest.Keyring{Keys: published()})
	_, err := verifier.Verify(t.Context(), mintRS256(nil), now)
	refusal(t, err, token.ErrAlgNotAllowed)
}

// TestSpellingsOfRefresh: a refresh token is refused however its claim is spelled.
func TestSpellingsOfRefresh(t *testing.T) {
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, &tokentest.Keyring{Keys: published()})
	for _, kind := range []string{
		"refresh", "Refresh", "refresh_token", "REFRESH-TOKEN", "refreshToken", "RefreshToken", "refresh token", "Offline",
	} {
		_, err := verifier.Verify(t.Context(), mintRS256(map[string]any{"token_type": kind}), now)
		refusal(t, err, token.ErrTokenUseMismatch)
	}
	for _, kind := range []string{"access", "Bearer", "refreshed", ""} {
		if _, err := verifier.Verify(t.Context(), mintRS256(map[string]any{"token_type": kind}), now); err != nil {
			t.Errorf("token_type %q: %v", kind, err)
		}
	}
}
