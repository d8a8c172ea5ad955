package issuer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/config"
)

// The reasons why there is no key for a token. Errors of [Issuer.Key] wrap
// exactly one of them; what they say besides is for operators and holds
// bytes of the token only quoted and cut short.
var (
	// ErrKeyUnknown: a fetch that began after the kid was first seen came
	// back without it. The token is at fault.
	ErrKeyUnknown = errors.New("no key of the issuer has this kid")
	// ErrKeyUnfit: the issuer publishes the kid, but no single key under it
	// may verify this alg. The token, or the issuer, is at fault.
	ErrKeyUnfit = errors.New("the issuer's key does not fit the token")
	// ErrKeysUnavailable: the issuer's keys were never loaded. Nobody can say
	// anything about the token.
	ErrKeysUnavailable = errors.New("the issuer's keys were never loaded")
	// ErrKeysStale: the issuer's last answer is older than max_stale.
	ErrKeysStale = errors.New("the issuer's keys are older than max_stale")
	// ErrKeyPending: the kid is unknown, and no fetch that began since it was
	// first seen has come back yet. The token may be proper.
	ErrKeyPending = errors.New("the kid is unknown, a fetch is due")
)

// Issuer is one trusted issuer of one [Set]: its config as the set was built
// with, and its keys. It may be used from any goroutine, also after its set
// was closed; then its keys are no longer refreshed.
type Issuer struct {
	cfg      config.Issuer
	keys     *refresher
	keyfuncs map[string]keyfunc.Keyfunc // :: alg -> the keys that may verify it
}

func newIssuer(cfg config.Issuer, keys *refresher) (*Issuer, error) {
	i := &Issuer{cfg: cfg, keys: keys, keyfuncs: make(map[string]keyfunc.Keyfunc, len(cfg.Algorithms))}
	for _, alg := range cfg.Algorithms {
		f, err := keyfunc.New(keyfunc.Options{Storage: newView(keys, alg)})
		if err != nil {
			return nil, fmt.Errorf("keyfunc for %q: %w", alg, err)
		}
		i.keyfuncs[alg] = f
	}
	return i, nil
}

// Name returns the issuer's name in the config.
func (i *Issuer) Name() string { return i.cfg.Name }

// Config returns the issuer's config. Its slices are shared and must not be
// changed.
func (i *Issuer) Config() config.Issuer { return i.cfg }

// Key returns the public key that verifies a token of this issuer with this
// kid and alg: a *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey that is
// fit for the alg. It proves nothing about the token.
//
// A kid that is held is answered at once and without a lock. For any other
// kid Key may wait for a fetch that is under way or starts now, at most 200 ms
// and at most half of the time left on ctx.
//
// Errors are one of the sentinels of this package, to be told apart with
// [errors.Is].
func (i *Issuer) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	f, ok := i.keyfuncs[alg]
	if !ok {
		return nil, &keyError{ErrKeyUnfit, kid, fmt.Sprintf("alg %q is not one of the issuer's algorithms", clip(alg))}
	}
	if kid == "" {
		return nil, &keyError{ErrKeyUnknown, kid, "it is empty"}
	}
	// First without keyfunc, which costs a flood of unknown kids several times what
	// the answer does.
	if _, err := i.keys.ready(ctx, kid, alg); err != nil {
		return nil, err
	}
	found, err := f.KeyfuncCtx(ctx)(&jwt.Token{Header: map[string]any{jwkset.HeaderKID: kid, "alg": alg}})
	if err != nil {
		if own, ok := errors.AsType[*keyError](err); ok {
			return nil, own
		}
		return nil, fmt.Errorf("%w: %w", ErrKeyUnfit, err)
	}
	return publicOnly(found, kid)
}

// publicOnly lets nothing but the three kinds of public key through, and no
// nil pointer: golang-jwt panics on one.
func publicOnly(found any, kid string) (crypto.PublicKey, error) {
	switch key := found.(type) {
	case *rsa.PublicKey:
		if key != nil {
			return key, nil
		}
	case *ecdsa.PublicKey:
		if key != nil {
			return key, nil
		}
	case ed25519.PublicKey:
		if len(key) == ed25519.PublicKeySize {
			return key, nil
		}
	}
	return nil, &keyError{ErrKeyUnfit, kid, fmt.Sprintf("a %T verifies nothing", found)}
}

// Epoch is a number that changes whenever something that [Issuer.Key]
// answered before may be answered otherwise now: a key left the set, its kid
// became ambiguous, or the keys went stale. It is one atomic load.
//
// Epochs of two issuers, or of one issuer in two sets, have nothing to do with
// one another.
//
// Who remembers verified tokens reads Epoch BEFORE Key and keeps it with the
// token. While Epoch is the same, the key still stands; when it is not, the
// token has to be verified again.
func (i *Issuer) Epoch() uint64 {
	if s := i.keys.current.Load(); s != nil {
		return s.epoch
	}
	return 0
}

// Holds reports whether Key would answer kid and alg with this very key now,
// without waiting or fetching.
func (i *Issuer) Holds(kid, alg string, key crypto.PublicKey) bool {
	held, err := i.keys.find(kid, alg)
	return err == nil && held.public.Equal(key)
}

// Verified notes that a token signed with this kid was accepted, be it by its
// signature or because it is remembered. It counts the token, and marks the
// key as in use now, so that a key set which loses it is confirmed before the
// key goes. It takes no lock.
func (i *Issuer) Verified(kid string) { i.keys.verified(kid) }

// RetryAfter says when it is worth asking again after one of the errors that
// are no fault of the token: the time to the issuer's next fetch, from 1 to 30
// seconds.
func (i *Issuer) RetryAfter() time.Duration {
	return min(max(i.keys.untilFetch(), time.Second), 30*time.Second)
}

// keyError is why there is no key for a kid: one of the sentinels, and perhaps
// the particulars. A flood makes many of them that nobody reads, so the text is
// put together only when it is asked for.
type keyError struct {
	kind error
	kid  string
	why  string
}

func (e *keyError) Error() string {
	text := fmt.Sprintf("%s: kid %q", e.kind, clip(e.kid))
	if e.why != "" {
		text += ": " + e.why
	}
	return text
}

func (e *keyError) Unwrap() error { return e.kind }
