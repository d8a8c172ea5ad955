package token

import (
	"crypto/ecdsa"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/config"
)

// methods returns the algorithms that can be configured (RFC 7518 section 3.1 and
// RFC 8037 and RFC 9864), each as strict as its RFC. It never returns symmetric algorithms or none.
func methods() map[string]jwt.SigningMethod {
	all := make(map[string]jwt.SigningMethod)
	for _, alg := range config.Algorithms() {
		name := alg
		if alg == "Ed25519" { // RFC 9864 section 2.2: EdDSA with this curve, the only one that golang-jwt has
			name = jwt.SigningMethodEdDSA.Alg()
		}
		switch method := jwt.GetSigningMethod(name).(type) {
		case *jwt.SigningMethodRSAPSS:
			all[alg] = strictPSS(method)
		case *jwt.SigningMethodECDSA:
			all[alg] = curveBound{method}
		case *jwt.SigningMethodRSA, *jwt.SigningMethodEd25519:
			all[alg] = method
		}
	}
	return all
}

// strictPSS requires a salt of the length of the hash (RFC 7518 section 3.5). golang-jwt
// accepts any length.
func strictPSS(method *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: method.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// curveBound accepts only keys on the curve of the algorithm (RFC 7518 section 3.4).
// golang-jwt also verifies ES384 with a P-256 key.
type curveBound struct{ *jwt.SigningMethodECDSA }

// Verify verifies a signature with a key on the curve of the algorithm.
func (m curveBound) Verify(signed string, signature []byte, key any) error {
	if public, ok := key.(*ecdsa.PublicKey); ok && public.Curve.Params().BitSize != m.CurveBits {
		return jwt.ErrInvalidKey
	}
	return m.SigningMethodECDSA.Verify(signed, signature, key)
}
