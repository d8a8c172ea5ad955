// Package signer has the keys that tokens are signed with by everything in this module
// that plays an issuer: the demo's issuer, `jwtgate test`, the benchmarks and tests. It
// signs any header and claims, also a header that names another algorithm. It never
// verifies, and nothing that serves requests uses it.
//
// Invariants:
//
//  1. It signs with every algorithm that can be configured, and with no other
//     (TestEveryAlgorithm, TestRefuses).
//  2. A signature is always by the key's own algorithm, whatever the header names
//     (TestToken).
//  3. A key set contains no private key (TestKeySet).
package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// rsaBits is the smallest modulus that RFC 7518 section 3.3 allows, and the fastest to
// generate.
const rsaBits = 2048

// Key signs tokens. It is safe for concurrent use.
type Key struct {
	ID      string // its kid
	Alg     string // a name of RFC 7518 section 3.1, EdDSA (RFC 8037) or Ed25519 (RFC 9864)
	method  jwt.SigningMethod
	private crypto.Signer
}

// New generates a key for an algorithm. Its id has the form of Cognito's: base64 with
// +, / and =.
func New(alg string) (*Key, error) {
	private, err := generate(alg)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	return With(private, alg, base64.StdEncoding.EncodeToString(id)), nil
}

// With returns a key that is at hand already. Its kind has to fit the algorithm.
func With(private crypto.Signer, alg, id string) *Key {
	return &Key{ID: id, Alg: alg, method: methodOf(alg), private: private}
}

// methodOf returns golang-jwt's method for an algorithm, or nil. golang-jwt has no method
// named Ed25519, which is EdDSA with that curve.
func methodOf(alg string) jwt.SigningMethod {
	if alg == "Ed25519" {
		return jwt.SigningMethodEdDSA
	}
	return jwt.GetSigningMethod(alg)
}

// generate makes a private key that fits an algorithm. RFC 7518 section 3.4 names the
// curve of each ES algorithm.
func generate(alg string) (crypto.Signer, error) {
	switch method := methodOf(alg).(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case *jwt.SigningMethodECDSA:
		curves := map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}
		return ecdsa.GenerateKey(curves[method.CurveBits], rand.Reader)
	case *jwt.SigningMethodEd25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("unsupported algorithm %q; expected RS256/384/512, PS256/384/512, ES256/384/512, EdDSA or Ed25519", alg)
}

// Public returns the key that verifies what this one signs.
func (k *Key) Public() crypto.PublicKey { return k.private.Public() }

// Sign returns the signature of the first two parts of a token (RFC 7515 section 5.1).
func (k *Key) Sign(signed string) ([]byte, error) {
	signature, err := k.method.Sign(signed, k.private)
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %w", k.Alg, err)
	}
	return signature, nil
}

// Token signs claims, which encode as a JSON object, under a header, to which alg and
// kid are added if it does not name them. A header member that is nil is left out.
func (k *Key) Token(header map[string]any, claims any) (string, error) {
	full := map[string]any{"alg": k.Alg, "kid": k.ID}
	maps.Copy(full, header)
	maps.DeleteFunc(full, func(_ string, value any) bool { return value == nil })
	first, err := json.Marshal(full)
	if err != nil {
		return "", fmt.Errorf("encode the token's header as JSON: %w", err)
	}
	second, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode the token's claims as JSON: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(first) + "." + encode(second)
	signature, err := k.Sign(signed)
	if err != nil {
		return "", err
	}
	return signed + "." + encode(signature), nil
}

// KeySet returns the public keys as a key set (RFC 7517 section 5).
func KeySet(keys ...*Key) ([]byte, error) {
	set := jwkset.JWKSMarshal{Keys: []jwkset.JWKMarshal{}}
	for _, k := range keys {
		metadata := jwkset.JWKMetadataOptions{KID: k.ID, USE: jwkset.UseSig}
		jwk, err := jwkset.NewJWKFromKey(k.Public(), jwkset.JWKOptions{Metadata: metadata})
		if err != nil {
			return nil, fmt.Errorf("encode the public key as a JWK: %w", err)
		}
		published := jwk.Marshal()
		published.ALG = jwkset.ALG(k.Alg) // jwkset does not know every name
		set.Keys = append(set.Keys, published)
	}
	return json.Marshal(set)
}
