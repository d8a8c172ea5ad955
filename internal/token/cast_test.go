package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// now is the instant that tokens are verified at.
var now = time.Date(2026, time.May, 17, 10, 0, 0, 0, time.UTC)

// maxBytes is the limit of tokens.max_bytes by default.
const maxBytes = 12288

// published returns the public keys that the issuers of the vectors publish.
func published() map[string]crypto.PublicKey { return forge.Published() }

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// What a key source answers when it has no key to give.
var (
	errKeyUnknown      = errors.New("key unknown")
	errKeyUnfit        = errors.New("key unfit")
	errKeysUnavailable = errors.New("keys unavailable")
)

// keyring is a working key source that remembers what it was asked.
type keyring struct {
	keys map[string]crypto.PublicKey // :: kid -> key
	down bool                        // no key can be had at all
	// careless hands a key out for any algorithm, which the interface forbids.
	careless bool
	epoch    atomic.Uint64
	quiet    bool          // what verified is not noted
	hold     chan struct{} // Key waits for it to be closed; nil: it does not

	mu              sync.Mutex // guards what follows
	asked, verified []string   // kids
}

func (k *keyring) Key(_ context.Context, kid, alg string) (crypto.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, kid)
	if k.hold != nil {
		k.mu.Unlock()
		<-k.hold
		k.mu.Lock()
	}
	key, ok := k.keys[kid]
	switch {
	case k.down:
		return nil, outage{errKeysUnavailable}
	case !ok:
		return nil, errKeyUnknown
	case !k.careless && !fits(key, alg):
		return nil, errKeyUnfit
	}
	return key, nil
}

func (k *keyring) Verified(kid string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.quiet {
		k.verified = append(k.verified, kid)
	}
}

// Epoch is what the test says.
func (k *keyring) Epoch() uint64 { return k.epoch.Load() }

// outage is an error of a key source that is not the token's fault.
type outage struct{ error }

func (o outage) Unwrap() error { return o.error }

// RetryAfter is a time that no other place has.
func (outage) RetryAfter() time.Duration { return 7 * time.Second }

// fits reports whether a key is of the kind and curve of alg.
func fits(key crypto.PublicKey, alg string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return alg[:2] == "RS" || alg[:2] == "PS"
	case *ecdsa.PublicKey:
		return alg == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// corpus is the config with the issuers that the vectors are tried on.
var corpus = sync.OnceValues(func() (*config.Config, error) { return config.Load("testdata/issuers.yaml", nil) })

// corpusVerifier trusts the corpus's issuers, by one key ring for all of them.
func corpusVerifier(t testing.TB) (*token.Verifier, *keyring) {
	t.Helper()
	cfg, err := corpus()
	if err != nil {
		t.Fatal(err)
	}
	ring := &keyring{keys: published()}
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

// apiIssuer is a plain issuer of RS256 tokens for one audience.
func apiIssuer() config.Issuer {
	return config.Issuer{
		Name: "api", ISS: []string{"https://api.example/"}, Audiences: []string{"orders-api"}, TokenUse: []string{"access"},
		TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"RS256"},
		GroupsClaim: []string{"groups"}, ScopesClaim: []string{"scope", "scp"}, Leeway: 30 * time.Second,
	}
}

// refusal fails the test unless err is the failure wanted and no other.
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
			t.Errorf("%q is %s, too", err, name)
		}
	}
	return failure
}

// reasons names every failure as the answers to clients do.
func reasons() map[string]error {
	return map[string]error{
		"token_malformed":    token.ErrMalformed,
		"token_too_large":    token.ErrTooLarge,
		"alg_not_allowed":    token.ErrAlgNotAllowed,
		"header_not_allowed": token.ErrHeaderNotAllowed,
		"type_not_allowed":   token.ErrTypeNotAllowed,
		"kid_missing":        token.ErrKIDMissing,
		"issuer_unknown":     token.ErrIssuerUnknown,
		"key_unknown":        errKeyUnknown,
		"key_unfit":          errKeyUnfit,
		"keys_unavailable":   errKeysUnavailable,
		"signature_invalid":  token.ErrSignatureInvalid,
		"claims_malformed":   token.ErrClaimsMalformed,
		"expiry_missing":     token.ErrExpiryMissing,
		"expired":            token.ErrExpired,
		"not_yet_valid":      token.ErrNotYetValid,
		"issued_in_future":   token.ErrIssuedInFuture,
		"lifetime_too_long":  token.ErrLifetimeTooLong,
		"audience_mismatch":  token.ErrAudienceMismatch,
		"client_mismatch":    token.ErrClientMismatch,
		"token_use_mismatch": token.ErrTokenUseMismatch,
		"token_bound":        token.ErrTokenBound,
		"subject_missing":    token.ErrSubjectMissing,
		"token_revoked":      token.ErrTokenRevoked,
	}
}

// beforeKeys lists the reasons that are found before any key is asked for.
// claims_malformed is found on either side.
func beforeKeys(reason string) bool {
	return slices.Contains([]string{
		"token_malformed", "token_too_large", "alg_not_allowed", "header_not_allowed",
		"type_not_allowed", "kid_missing", "issuer_unknown",
	}, reason)
}

// beforeSignature lists the reasons that are found before a signature has held.
func beforeSignature(reason string) bool {
	return beforeKeys(reason) || slices.Contains([]string{"key_unknown", "key_unfit", "keys_unavailable", "signature_invalid"}, reason)
}
