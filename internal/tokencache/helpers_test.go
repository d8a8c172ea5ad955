package tokencache_test

import (
	"context"
	"crypto"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/token"
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
		GroupsClaim: []string{"groups"}, ScopesClaim: []string{"scope", "scp"}, Leeway: 30 * time.Second,
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

var (
	errKeyUnknown      = errors.New("key unknown")
	errKeysUnavailable = errors.New("keys unavailable")
)

// keyring is a key source that records the calls.
type keyring struct {
	keys  map[string]crypto.PublicKey // :: kid -> key
	down  bool                        // Key fails
	epoch atomic.Uint64
	quiet bool          // calls of Verified are not recorded
	hold  chan struct{} // Key waits until it is closed; nil: it does not wait

	mu              sync.Mutex // guards the fields below
	asked, verified []string   // kids
}

func (k *keyring) Key(_ context.Context, kid, _ string) (crypto.PublicKey, error) {
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
		return nil, errKeysUnavailable
	case !ok:
		return nil, errKeyUnknown
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

func (k *keyring) Epoch() uint64 { return k.epoch.Load() }

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
func newCache(t testing.TB, ring *keyring, entries int) (*tokencache.Cache[string], *token.Verifier) {
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
