package issuer

import "crypto"

// Holds reports whether Key would return this key for kid and alg now. It neither
// waits nor causes a fetch.
func (i *Issuer) Holds(kid, alg string, key crypto.PublicKey) bool {
	held, missing := i.keys.find(kid, alg, i.keys.now())
	return missing.kind == nil && held.public.Equal(key)
}
