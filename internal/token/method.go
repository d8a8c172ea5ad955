package token

import (
	"crypto/ecdsa"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// methods are the algorithms that can be configured (RFC 7518 section 3.1 and
// RFC 8037), each verifying as strictly as its RFC says. Symmetric algorithms
// and none are not among them, so that no configuration can name them.
func methods() map[string]jwt.SigningMethod {
	return map[string]jwt.SigningMethod{
		"RS256": jwt.SigningMethodRS256,
		"RS384": jwt.SigningMethodRS384,
		"RS512": jwt.SigningMethodRS512,
		"PS256": strictPSS(jwt.SigningMethodPS256),
		"PS384": strictPSS(jwt.SigningMethodPS384),
		"PS512": strictPSS(jwt.SigningMethodPS512),
		"ES256": curveBound{jwt.SigningMethodES256},
		"ES384": curveBound{jwt.SigningMethodES384},
		"ES512": curveBound{jwt.SigningMethodES512},
		"EdDSA": jwt.SigningMethodEdDSA,
	}
}

// strictPSS holds the salt to the length of the hash (RFC 7518 section 3.5);
// golang-jwt's own instances accept any length.
func strictPSS(method *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: method.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// curveBound takes keys on the algorithm's own curve only (RFC 7518 section
// 3.4); golang-jwt's own instances verify ES384 with a P-256 key too.
type curveBound struct{ *jwt.SigningMethodECDSA }

// Verify verifies a signature by a key on the algorithm's curve.
func (m curveBound) Verify(signed string, signature []byte, key any) error {
	if public, ok := key.(*ecdsa.PublicKey); ok && public.Curve.Params().BitSize != m.CurveBits {
		return jwt.ErrInvalidKey
	}
	return m.SigningMethodECDSA.Verify(signed, signature, key)
}
