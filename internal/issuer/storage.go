package issuer

import (
	"context"
	"crypto"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// storage is an issuer's keys as keyfunc reads them.
//
// The embedded storage is empty and stays empty. Of its methods keyfunc calls
// only KeyReadAll, for a token without a kid. It must return nothing: keyfunc
// would try every key on such a token.
type storage struct {
	jwkset.Storage
	keys *refresher
}

// lookup is one question to keyfunc, and the context of its KeyRead. It carries
// what keyfunc's interface cannot. keyfunc passes KeyRead the kid but not the alg,
// and one kid may stand for keys of two kinds. And keyfunc formats each error that
// KeyRead returns, whether it is read or not, which doubles the cost of an unknown
// kid. Lookups are reused, so that a flood of such kids allocates no more of them.
type lookup struct {
	context.Context
	token   jwt.Token // with a kid and an alg, and nothing else
	missing keyError  // set by KeyRead: why there is no key
}

// ask asks keyfunc for a key. missing has no kind if there is one.
func (l *lookup) ask(ctx context.Context, f keyfunc.Keyfunc, kid, alg string) (public crypto.PublicKey, missing keyError) {
	l.Context = ctx
	l.token.Header[jwkset.HeaderKID], l.token.Header["alg"] = kid, alg
	public, err := f.KeyfuncCtx(l)(&l.token)
	if missing = l.missing; err != nil {
		missing = keyError{kind: ErrKeyUnfit, kid: kid, why: err.Error()}
	}
	// A lookup that is used again keeps nothing of a request.
	l.Context, l.missing = nil, keyError{}
	clear(l.token.Header)
	return public, missing
}

// KeyRead is the whole policy of a lookup, which ctx has to be. A kid that is
// held is answered at once. For any other kid it has a fetch made, as the budget
// for unknown kids allows, and waits for that fetch within bounds. If there is no
// key, it returns an empty JWK, and the lookup says why.
func (s storage) KeyRead(ctx context.Context, kid string) (jwkset.JWK, error) {
	l := ctx.(*lookup)
	alg := l.token.Header["alg"].(string)
	var found *key
	switch {
	case !slices.Contains(s.keys.identity.Algorithms, alg):
		l.missing = keyError{kind: ErrKeyUnfit, kid: kid, why: fmt.Sprintf("alg %q is not one of the issuer's algorithms", clip(alg))}
	case kid == "":
		l.missing = keyError{kind: ErrKeyUnknown, why: "it is empty"}
	default:
		found, l.missing = s.keys.find(kid, alg, s.keys.now())
		if l.missing.fetchable() {
			found, l.missing = s.keys.await(ctx, kid, alg)
		}
	}
	if found == nil {
		return jwkset.JWK{}, nil
	}
	return found.jwk, nil
}
