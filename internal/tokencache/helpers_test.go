package tokencache_test

import (
	"crypto"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
	"github.com/jwtgate/jwtgate/internal/tokencache"
)

// now is the time at which tokens are verified, maxBytes the maximum length of a token.
var now = time.Date(2026, time.May, 17, 10, 0, 0, 0, time.UTC)

const maxBytes = 12288

// issuerKey returns the key of the issuer.
var issuerKey = sync.OnceValue(func() *signer.Key { return must(signer.New("ES256")) })

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// published returns the public keys of the issuer.
func published() map[string]crypto.PublicKey {
	return map[string]crypto.PublicKey{issuerKey().ID: issuerKey().Public()}
}

// apiIssuer returns an issuer of tokens for one audience.
func apiIssuer() config.Issuer {
	return config.Issuer{
		Name: "api", ISS: []string{"https://api.example/"}, Audiences: []string{"orders-api"}, TokenUse: []string{"access"},
		TokenTypes: []string{"JWT", "at+jwt"}, Algorithms: []string{"ES256"},
		SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id", "azp"}, GroupsClaim: []string{"groups"},
		ScopesClaim: []string{"scope", "scp"}, Leeway: 30 * time.Second,
	}
}

// mint returns a valid token of the issuer with more claims; nil removes a claim.
func mint(more map[string]any) string {
	claims := map[string]any{
		"iss": "https://api.example/", "aud": "orders-api", "sub": "alice",
		"exp": now.Unix() + 3600, "iat": now.Unix(), "nbf": now.Unix(),
	}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return must(issuerKey().Token(map[string]any{"typ": "JWT"}, claims))
}

// newVerifier returns a verifier with the keys of source.
func newVerifier(t testing.TB, issuer config.Issuer, source token.KeySource) *token.Verifier {
	t.Helper()
	verifier, err := token.NewVerifier([]config.Issuer{issuer}, maxBytes, nil, func(string) token.KeySource { return source })
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// newCache returns a cache, and its verifier, with the keys of ring. The cache has room for
// at least that many tokens of mint.
func newCache(t testing.TB, ring *tokentest.Keyring, entries int) (*tokencache.Cache[string], *token.Verifier) {
	t.Helper()
	verifier := newVerifier(t, apiIssuer(), ring)
	return must(tokencache.New[string](verifier, entries<<10)), verifier
}

// refusal fails the test unless err is want.
func refusal(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}
