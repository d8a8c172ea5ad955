package issuer

import (
	"context"
	"crypto"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// storage is an issuer's keys as keyfunc reads them.
//
// The embedded storage is always empty. Of its methods keyfunc calls only
// KeyReadAll, for a token without a kid. KeyReadAll must return no keys, since
// keyfunc would try every key on such a token.
type storage struct {
	jwkset.Storage
	keys *refresher
}

// lookup is one call of keyfunc, and the context of its KeyRead. It passes two
// values that keyfunc's interface does not. keyfunc gives KeyRead the kid but not
// the alg, and one kid may name keys of two types. And keyfunc formats each error
// that KeyRead returns, even if the text is never used, which doubles the cost of
// an unknown kid. Lookups are reused, so that a flood of unknown kids does not
// allocate them.
type lookup struct {
	context.Context
	token   jwt.Token // with a kid and an alg, and nothing else
	missing keyError  // set by KeyRead if there is no key
	passive bool      // no fetch is requested
}

// key gets a key from keyfunc. missing.kind is nil if there is one.
func (l *lookup) key(ctx context.Context, f keyfunc.Keyfunc, kid, alg string) (public crypto.PublicKey, missing keyError) {
	l.Context = ctx
	l.token.Header[jwkset.HeaderKID], l.token.Header["alg"] = kid, alg
	public, err := f.KeyfuncCtx(l)(&l.token)
	if missing = l.missing; err != nil {
		missing = keyError{kind: ErrKeyUnfit, kid: kid, why: err.Error()}
	}
	// Keep nothing of this request for the next one.
	l.Context, l.missing = nil, keyError{}
	clear(l.token.Header)
	return public, missing
}

// KeyRead implements the whole policy of a lookup; ctx must be a *lookup. It
// returns a known key at once. For an unknown kid it requests a fetch, if the
// budget for unknown kids allows one, and waits for it for a limited time. If
// there is no key, it returns an empty JWK and sets the lookup's missing.
func (s storage) KeyRead(ctx context.Context, kid string) (jwkset.JWK, error) {
	l := ctx.(*lookup)
	alg := l.token.Header["alg"].(string)
	var found *key
	switch {
	case !slices.Contains(s.keys.identity.Algorithms, alg):
		l.missing = keyError{kind: ErrKeyUnfit, kid: kid, why: fmt.Sprintf("alg %s is not one of the issuer's algorithms", quote.Text(alg))}
	default:
		found, l.missing = s.keys.find(kid, alg, s.keys.now())
		if l.missing.fetchable() && !l.passive {
			found, l.missing = s.keys.await(ctx, kid, alg)
		}
	}
	if found == nil {
		return jwkset.JWK{}, nil
	}
	if !l.passive {
		s.keys.asked(found)
	}
	return found.jwk, nil
}
