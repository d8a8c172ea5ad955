package tokentest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of [Keyring.Key].
var (
	ErrKeyUnknown      = errors.New("key unknown")
	ErrKeyUnfit        = errors.New("key unfit")
	ErrKeysUnavailable = errors.New("keys unavailable")
)

// RetryAfter is what the error of a [Keyring] that is down says. Nothing else uses the value.
const RetryAfter = 7 * time.Second

// Keyring is a token.KeySource that records the calls. It is safe for concurrent use.
type Keyring struct {
	Keys map[string]crypto.PublicKey // :: kid -> key
	// Careless returns keys that do not fit the algorithm, which the interface forbids.
	Careless bool
	Down     bool          // Key fails, until Recover
	Hold     chan struct{} // Key waits until it is closed; nil: it does not wait
	Quiet    bool          // calls of Verified are not recorded
	// Changes counts the changes of the keys; Epoch returns it.
	Changes atomic.Uint64

	mu              sync.Mutex // guards Down and the calls
	Asked, Accepted []string   // kids of the calls of Key and of Verified
}

// Key returns the key with this kid.
func (k *Keyring) Key(_ context.Context, kid, alg string) (crypto.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Asked = append(k.Asked, kid)
	if k.Hold != nil {
		k.mu.Unlock()
		<-k.Hold
		k.mu.Lock()
	}
	if kid == "" && !k.Down {
		return k.sole(alg)
	}
	key, ok := k.Keys[kid]
	switch {
	case k.Down:
		return nil, outage{ErrKeysUnavailable}
	case !ok:
		return nil, ErrKeyUnknown
	case !k.Careless && !fits(key, alg):
		return nil, ErrKeyUnfit
	}
	return key, nil
}

// sole returns the only key that fits alg.
func (k *Keyring) sole(alg string) (sole crypto.PublicKey, err error) {
	for _, key := range k.Keys {
		if !fits(key, alg) {
			continue
		}
		if sole != nil {
			return nil, kidNeeded{}
		}
		sole = key
	}
	if sole == nil {
		return nil, ErrKeyUnfit
	}
	return sole, nil
}

// kidNeeded is the error for a token without a kid that more than one key fits.
type kidNeeded struct{}

func (kidNeeded) Error() string { return "more than one key fits" }

// NeedsKID makes a token without a kid one without a key.
func (kidNeeded) NeedsKID() bool { return true }

// Verified records that a token with this kid was accepted.
func (k *Keyring) Verified(kid, _ string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.Quiet {
		k.Accepted = append(k.Accepted, kid)
	}
}

// Publishes reports whether the ring has a key with this kid, or any kid if it is empty,
// that fits alg.
func (k *Keyring) Publishes(kid, alg string) bool {
	for name, key := range k.Keys {
		if (kid == "" || name == kid) && fits(key, alg) {
			return true
		}
	}
	return false
}

// Epoch returns the number of changes.
func (k *Keyring) Epoch() uint64 { return k.Changes.Load() }

// Recover ends an outage.
func (k *Keyring) Recover() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Down = false
}

// outage is an error of a key source that the token does not cause.
type outage struct{ error }

func (o outage) Unwrap() error { return o.error }

func (outage) RetryAfter() time.Duration { return RetryAfter }

// fits reports whether a key has the type and curve of alg.
func fits(key crypto.PublicKey, alg string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return alg == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return alg == "EdDSA" || alg == "Ed25519"
	}
	return false
}
