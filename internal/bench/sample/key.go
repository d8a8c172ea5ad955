package sample

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// Key signs tokens. It is safe for concurrent use.
type Key struct {
	ID     string
	Alg    string // RS256 or EdDSA
	signer crypto.Signer
}

// NewKey generates a key for RS256, of 2048 bits, or for EdDSA, under an id of
// Cognito's form.
func NewKey(alg string) (*Key, error) {
	id := make([]byte, 32)
	if _, err := rand.Read(id); err != nil {
		return nil, fmt.Errorf("make a key id: %w", err)
	}
	k := &Key{ID: base64.StdEncoding.EncodeToString(id), Alg: alg}
	var err error
	switch alg {
	case "RS256":
		k.signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA":
		_, k.signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("algorithm %q is neither RS256 nor EdDSA", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("generate a key: %w", err)
	}
	return k, nil
}

// Public is the key that verifies what this one signs.
func (k *Key) Public() crypto.PublicKey { return k.signer.Public() }

// sign returns the signature of a token's first two parts (RFC 7515 section
// 5.1; RSASSA-PKCS1-v1_5 of RFC 7518 section 3.3, Ed25519 of RFC 8037).
func (k *Key) sign(input []byte) ([]byte, error) {
	if k.Alg == "EdDSA" {
		return k.signer.Sign(nil, input, crypto.Hash(0))
	}
	sum := sha256.Sum256(input)
	return k.signer.Sign(nil, sum[:], crypto.SHA256)
}

// JWKS renders the public halves as a key set (RFC 7517 section 5).
func JWKS(keys ...*Key) ([]byte, error) {
	encode := base64.RawURLEncoding.EncodeToString
	list := []map[string]string{}
	for _, k := range keys {
		jwk := map[string]string{"kid": k.ID, "alg": k.Alg, "use": "sig"}
		switch public := k.Public().(type) {
		case *rsa.PublicKey:
			jwk["kty"], jwk["n"] = "RSA", encode(public.N.Bytes())
			jwk["e"] = encode(big.NewInt(int64(public.E)).Bytes())
		case ed25519.PublicKey:
			jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", encode(public)
		}
		list = append(list, jwk)
	}
	return json.Marshal(map[string]any{"keys": list})
}
