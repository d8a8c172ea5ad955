package issuer

import (
	"context"
	"crypto"
	"errors"
	"strconv"
	"sync"
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
// Errors wrap one of the sentinels of this package, to be told apart with
// [errors.Is]. One that is not the token's fault also has a method RetryAfter.
func (i *Issuer) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	l := i.lookups.Get().(*lookup)
	defer i.lookups.Put(l)
	public, missing := l.ask(ctx, i.keyfunc, kid, alg)
	if missing.kind != nil {
		return nil, &missing
	}
	return public, nil
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

// Verified notes that a token signed with this kid was accepted, be it by its
// signature or because it is remembered. It counts the token, and marks the
// key as in use now, so that a key set which loses it is confirmed before the
// key goes. It takes no lock.
func (i *Issuer) Verified(kid string) { i.keys.verified(kid) }

// keyError is why there is no key for a kid: one of the sentinels, and perhaps
// the particulars. A flood makes many of them, so the text is composed only
// when it is read.
type keyError struct {
	kind  error
	kid   string
	why   string
	retry time.Duration
}

// fetchable reports whether a fetch may bring the key. A kid that the issuer
// publishes as unfit stays unfit.
func (e keyError) fetchable() bool { return e.kind != nil && e.kind != ErrKeyUnfit }

func (e *keyError) Error() string {
	text := e.kind.Error() + ": kid " + strconv.Quote(clip(e.kid))
	if e.why != "" {
		text += ": " + e.why
	}
	return text
}

func (e *keyError) Unwrap() error { return e.kind }

// RetryAfter is how long it was to the issuer's next fetch, from 1 to 30
// seconds; 0 if no fetch can help the token.
func (e *keyError) RetryAfter() time.Duration { return e.retry }
