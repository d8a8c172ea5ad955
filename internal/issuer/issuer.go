package issuer

import (
	"context"
	"crypto"
	"errors"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// The errors of [Issuer.Key]; each of its errors wraps exactly one of them, or its method
// NeedsKID returns true. The
// text around it is for operators and contains bytes of the token only quoted
// and truncated.
var (
	// ErrKeyUnknown: a fetch that began after the kid was first seen returned
	// keys without it. The token is at fault.
	ErrKeyUnknown = errors.New("no key of the issuer has this kid")
	// ErrKeyUnfit: the issuer publishes the kid, but no single key under it
	// may verify this alg. The token, or the issuer, is at fault.
	ErrKeyUnfit = errors.New("the issuer's key does not fit the token")
	// ErrKeysUnavailable: the issuer's keys were never loaded. The token cannot
	// be verified.
	ErrKeysUnavailable = errors.New("the issuer's keys were never loaded")
	// ErrKeysStale: the issuer's last good response is older than max_stale.
	ErrKeysStale = errors.New("the issuer's keys are older than max_stale")
	// ErrKeyPending: the kid is unknown, and no fetch that began after it was
	// first seen has finished yet. The token may be valid.
	ErrKeyPending = errors.New("the kid is unknown and a key fetch is pending")

	// errKIDNeeded: the token has no kid, and not exactly one key of the issuer is known to
	// fit it. [keyError.NeedsKID] reports it.
	errKIDNeeded = errors.New("without a kid, exactly one of the issuer's keys must fit the token")
)

// Issuer is one trusted issuer of one [Set]: its config and its keys. It is safe
// for concurrent use, also after its set was closed; then its keys are no longer
// refreshed.
type Issuer struct {
	cfg     config.Issuer
	keys    *refresher
	keyfunc keyfunc.Keyfunc // over keys
	lookups sync.Pool       // of *lookup
}

func newIssuer(cfg config.Issuer, keys *refresher) (*Issuer, error) {
	f, err := keyfunc.New(keyfunc.Options{Storage: storage{jwkset.NewMemoryStorage(), keys}})
	if err != nil {
		return nil, err
	}
	i := &Issuer{cfg: cfg, keys: keys, keyfunc: f}
	i.lookups.New = func() any { return &lookup{token: jwt.Token{Header: make(map[string]any, 2)}} }
	return i, nil
}

// Name returns the issuer's name in the config.
func (i *Issuer) Name() string { return i.cfg.Name }

// Config returns the issuer's config. Callers must not modify its slices.
func (i *Issuer) Config() config.Issuer { return i.cfg }

// Key returns the public key that verifies tokens of this issuer with this kid
// and alg: an *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey that fits the
// alg. It proves nothing about the token.
//
// For a known kid, Key returns at once and takes no lock. For any other kid it
// may wait for a fetch that is in flight or starts now, at most 200 ms and at
// most half of the time until ctx's deadline.
//
// An empty kid stands for a token without one. Its key is the only one of the issuer that
// fits the alg. If there is not exactly one, the error has a method NeedsKID that returns
// true.
//
// Errors wrap one of the errors of this package; use [errors.Is]. They also have
// a method RetryAfter, which returns 0 if a later fetch cannot help the token, and a
// method Advice, which returns the fixes.
func (i *Issuer) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	return i.key(ctx, kid, alg, false)
}

func (i *Issuer) key(ctx context.Context, kid, alg string, passive bool) (crypto.PublicKey, error) {
	l := i.lookups.Get().(*lookup)
	defer i.lookups.Put(l)
	l.passive = passive
	public, missing := l.key(ctx, i.keyfunc, kid, alg)
	if missing.kind != nil {
		return nil, &missing
	}
	return public, nil
}

// Epoch returns a number that changes whenever [Issuer.Key] may no longer return
// a key that it returned before: a key left the set, its kid became ambiguous, or
// the keys became stale. It is one atomic load.
//
// Epochs of two issuers, or of one issuer in two sets, must not be compared.
//
// A cache of verified tokens must read Epoch BEFORE it calls Key, and store it
// with the token. While Epoch has that value, the key is still trusted; otherwise
// the token must be verified again.
func (i *Issuer) Epoch() uint64 {
	if s := i.keys.current.Load(); s != nil {
		return s.epoch
	}
	return 0
}

// Verified records that a token with this kid and alg was accepted, by its signature or
// from a cache. It counts the token and marks the key as in use now: if a later
// response lacks the key, a second response must confirm that before the key is
// dropped. It takes no lock.
func (i *Issuer) Verified(kid, alg string) { i.keys.verified(kid, alg) }

// Observer reads the keys of an issuer without side effects: as long as another set
// shares them, an unknown kid requests no fetch, and tokens are not counted. It is safe
// for concurrent use.
type Observer struct{ *Issuer }

// Key is [Issuer.Key], which for an unknown kid returns at once.
func (o Observer) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	return o.key(ctx, kid, alg, o.keys.shared())
}

// Verified is [Issuer.Verified], if no other set shares the keys.
func (o Observer) Verified(kid, alg string) {
	if !o.keys.shared() {
		o.Issuer.Verified(kid, alg)
	}
}

// keyError says why there is no key for a kid. A flood creates many of them, so
// Error builds the text only when it is called.
type keyError struct {
	kind  error
	kid   string
	why   string
	retry time.Duration

	fix    denial.Advice
	others []denial.Advice // further fixes
}

// fetchable reports whether a fetch may return the key. It cannot for a kid that
// the issuer publishes with an unfit key.
func (e keyError) fetchable() bool {
	return e.kind != nil && e.kind != ErrKeyUnfit && e.kind != errKIDNeeded
}

func (e *keyError) Error() string {
	text := e.kind.Error()
	if e.kid != "" {
		text += ": kid " + quote.Text(e.kid)
	}
	if e.why != "" {
		text += ": " + e.why
	}
	return text
}

func (e *keyError) Unwrap() error { return e.kind }

// NeedsKID reports whether a token without a kid would need one.
func (e *keyError) NeedsKID() bool { return e.kind == errKIDNeeded }

// Advice returns what ends the denial of the token.
func (e *keyError) Advice() []denial.Advice {
	if e.fix == (denial.Advice{}) {
		return e.others
	}
	return append([]denial.Advice{e.fix}, e.others...)
}

// RetryAfter returns the time until the issuer's next fetch, from 1 to 30
// seconds, or 0 if no fetch can help the token.
func (e *keyError) RetryAfter() time.Duration { return e.retry }
