package issuer

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/MicahParks/jwkset"
)

// errReadOnly answers every method of jwkset.Storage that keyfunc has no
// business calling.
var errReadOnly = errors.New("the issuer's keys can only be read by kid")

// view is an issuer's keys as keyfunc reads them for one alg: keyfunc hands
// the kid on but not the alg, and one kid may stand for keys of two kinds.
type view struct {
	keys *keeper
	alg  string
}

// KeyRead finds the key, waiting for a fetch as [Issuer.Key] says.
func (v view) KeyRead(ctx context.Context, kid string) (jwkset.JWK, error) {
	found, err := v.keys.find(kid, v.alg)
	if err != nil && !errors.Is(err, ErrKeyUnfit) {
		found, err = v.keys.await(ctx, kid, v.alg)
	}
	if err != nil {
		return jwkset.JWK{}, err
	}
	return found.jwk, nil
}

// KeyReadAll returns nothing: keyfunc would try every key on a token without
// a kid, whatever their alg and use.
func (v view) KeyReadAll(context.Context) ([]jwkset.JWK, error) { return nil, nil }

func (v view) KeyDelete(context.Context, string) (bool, error)      { return false, errReadOnly }
func (v view) KeyReplaceAll(context.Context, []jwkset.JWK) error    { return errReadOnly }
func (v view) KeyWrite(context.Context, jwkset.JWK) error           { return errReadOnly }
func (v view) JSON(context.Context) (json.RawMessage, error)        { return nil, errReadOnly }
func (v view) JSONPublic(context.Context) (json.RawMessage, error)  { return nil, errReadOnly }
func (v view) JSONPrivate(context.Context) (json.RawMessage, error) { return nil, errReadOnly }
func (v view) Marshal(context.Context) (jwkset.JWKSMarshal, error) {
	return jwkset.JWKSMarshal{}, errReadOnly
}
func (v view) JSONWithOptions(context.Context, jwkset.JWKMarshalOptions, jwkset.JWKValidateOptions) (json.RawMessage, error) {
	return nil, errReadOnly
}
func (v view) MarshalWithOptions(context.Context, jwkset.JWKMarshalOptions, jwkset.JWKValidateOptions) (jwkset.JWKSMarshal, error) {
	return jwkset.JWKSMarshal{}, errReadOnly
}
