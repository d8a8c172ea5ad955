package issuer

import (
	"context"

	"github.com/MicahParks/jwkset"
)

// view is an issuer's keys as keyfunc reads them for one alg: keyfunc hands
// the kid on but not the alg, and one kid may stand for keys of two kinds.
//
// The embedded storage is empty and stays so. Of its methods keyfunc calls
// only KeyReadAll, for a token without a kid; it must return nothing, since
// keyfunc would try every key on such a token, whatever their alg and use.
type view struct {
	jwkset.Storage
	keys *refresher
	alg  string
}

func newView(keys *refresher, alg string) view {
	return view{Storage: jwkset.NewMemoryStorage(), keys: keys, alg: alg}
}

// KeyRead finds the key, waiting for a fetch as [Issuer.Key] says.
func (v view) KeyRead(ctx context.Context, kid string) (jwkset.JWK, error) {
	found, err := v.keys.ready(ctx, kid, v.alg)
	if err != nil {
		return jwkset.JWK{}, err
	}
	return found.jwk, nil
}
