package token_test

import (
	"crypto"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// now is the time at which tokens are verified.
var now = time.Date(2026, time.May, 17, 10, 0, 0, 0, time.UTC)

// maxBytes is the default of tokens.max_bytes.
const maxBytes = 12288

// published returns the public keys that the issuers of the vectors publish.
func published() map[string]crypto.PublicKey { return forge.Published() }

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// corpus returns the configuration with the issuers of the vectors.
var corpus = sync.OnceValues(func() (*config.Config, error) { return config.Load("testdata/issuers.yaml", nil) })

// corpusVerifier returns a verifier of the issuers of the vectors, with one key ring.
func corpusVerifier(t testing.TB) (*token.Verifier, *tokentest.Keyring) {
	t.Helper()
	cfg, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	ring := &tokentest.Keyring{Keys: published()}
	return newVerifier(t, cfg.Issuers, ring), ring
}

func newVerifier(t testing.TB, issuers []config.Issuer, source token.KeySource) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(issuers, maxBytes, nil, func(string) token.KeySource { return source })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// apiIssuer returns an issuer of RS256 tokens for one audience.
func apiIssuer() config.Issuer {
	return config.Issuer{
		Name: "api", ISS: []string{"https://api.example/"}, Audiences: []string{"orders-api"}, TokenUse: []string{"access"},
		TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"RS256"},
		SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id", "azp", "cid", "appid"},
		GroupsClaim: []string{"groups"}, ScopesClaim: []string{"scope", "scp"}, Leeway: 30 * time.Second,
	}
}

// refusal fails the test unless err is a failure of the kind want, and of no other kind.
func refusal(t testing.TB, err, want error) *denial.Error {
	t.Helper()
	var failure *denial.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want a failure: %v", err, want)
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %q, want %q", err, want)
	}
	for name, other := range reasons() {
		if other != want && errors.Is(err, other) {
			t.Errorf("%q is also %s", err, name)
		}
	}
	return failure
}

// reasons are the kinds of failures, by the reason that the client gets.
func reasons() map[string]error {
	return map[string]error{
		"token_malformed":    token.ErrMalformed,
		"token_too_large":    token.ErrTooLarge,
		"alg_not_allowed":    token.ErrAlgNotAllowed,
		"header_not_allowed": token.ErrHeaderNotAllowed,
		"type_not_allowed":   token.ErrTypeNotAllowed,
		"issuer_unknown":     token.ErrIssuerUnknown,
		"kid_missing":        token.ErrKIDMissing,
		"key_unknown":        tokentest.ErrKeyUnknown,
		"key_unfit":          tokentest.ErrKeyUnfit,
		"keys_unavailable":   tokentest.ErrKeysUnavailable,
		"signature_invalid":  token.ErrSignatureInvalid,
		"claims_malformed":   token.ErrClaimsMalformed,
		"expiry_missing":     token.ErrExpiryMissing,
		"expired":            token.ErrExpired,
		"not_yet_valid":      token.ErrNotYetValid,
		"issued_in_future":   token.ErrIssuedInFuture,
		"lifetime_too_long":  token.ErrLifetimeTooLong,
		"audience_mismatch":  token.ErrAudienceMismatch,
		"client_mismatch":    token.ErrClientMismatch,
		"claim_mismatch":     token.ErrClaimMismatch,
		"token_use_mismatch": token.ErrTokenUseMismatch,
		"token_bound":        token.ErrTokenBound,
		"subject_missing":    token.ErrSubjectMissing,
		"token_revoked":      token.ErrTokenRevoked,
	}
}

// beforeKeys reports whether the check for a reason runs before the call of Key.
// claims_malformed has checks before and after it.
func beforeKeys(reason string) bool {
	return slices.Contains([]string{
		"token_malformed", "token_too_large", "alg_not_allowed", "header_not_allowed",
		"type_not_allowed", "issuer_unknown",
	}, reason)
}

// beforeSignature reports whether the check for a reason runs before the signature is
// verified.
func beforeSignature(reason string) bool {
	return beforeKeys(reason) || slices.Contains([]string{
		"kid_missing", "key_unknown", "key_unfit", "keys_unavailable", "signature_invalid",
	}, reason)
}
