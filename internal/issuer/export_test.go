package issuer

import "crypto"

// Holds reports whether Key would answer kid and alg with this very key now. It
// looks where Key looks first, and neither waits nor causes a fetch.
func (i *Issuer) Holds(kid, alg string, key crypto.PublicKey) bool {
	held, missing := i.keys.find(kid, alg, i.keys.now())
	return missing.kind == nil && held.public.Equal(key)
}
