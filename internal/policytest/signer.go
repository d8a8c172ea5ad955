package policytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
)

// rsaBits is the least that RFC 7518 section 3.3 allows, and the quickest to
// make.
const rsaBits = 2048

// signer stands for an issuer: a key of its own, made for one run and never
// written anywhere.
type signer struct {
	alg string
	kid string
	key crypto.Signer
}

// newSigner makes a key for one of the config's algorithms (RFC 7518 section
// 3.1, and EdDSA of RFC 8037 over Ed25519).
func newSigner(alg string) (*signer, error) {
	s := &signer{alg: alg, kid: rand.Text()}
	var err error
	switch alg {
	case "ES256":
		s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		s.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		s.key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, s.key, err = ed25519.GenerateKey(rand.Reader)
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		s.key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		err = fmt.Errorf("algorithm %q is not one that can be signed with", alg)
	}
	return s, err
}

// keySet renders the public half as a JWK set (RFC 7517 section 5, RFC 7518
// section 6).
func (s *signer) keySet() ([]byte, error) {
	jwk := map[string]string{"kid": s.kid, "alg": s.alg, "use": "sig"}
	switch public := s.key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 0x04, X and Y (SEC 1 section 2.3.3)
		if err != nil {
			return nil, err
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", public.Params().Name, encode(x), encode(y)
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", encode(public)
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
	default:
		return nil, fmt.Errorf("no JWK form for a public key of type %T", public)
	}
	return json.Marshal(map[string]any{"keys": []any{jwk}})
}

// sign makes a token with these claims. alg, kid and typ stand in its header
// unless header says otherwise; a member that is null is left out. Whatever the
// header says, the signature is by the signer's own key and algorithm.
func (s *signer) sign(header, claims map[string]any, typ any) (string, error) {
	full := map[string]any{"alg": s.alg, "kid": s.kid, "typ": typ}
	maps.Copy(full, header)
	maps.DeleteFunc(full, func(_ string, value any) bool { return value == nil })
	first, err := json.Marshal(full)
	if err != nil {
		return "", err
	}
	second, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := encode(first) + "." + encode(second)
	signature, err := s.signature([]byte(signed))
	return signed + "." + encode(signature), err
}

// signature signs bytes as RFC 7515 section 5.1 has it.
func (s *signer) signature(message []byte) ([]byte, error) {
	hash, digest := s.digest(message)
	switch key := s.key.(type) {
	case *ecdsa.PrivateKey:
		// RFC 7518 section 3.4: r and s, each as wide as the curve.
		r, t, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err
		}
		width := (key.Params().BitSize + 7) / 8
		both := make([]byte, 2*width)
		r.FillBytes(both[:width])
		t.FillBytes(both[width:])
		return both, nil
	case *rsa.PrivateKey:
		if s.alg[0] == 'P' {
			return key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
		}
		return key.Sign(rand.Reader, digest, hash)
	default:
		return key.Sign(rand.Reader, message, crypto.Hash(0)) // RFC 8032: the message itself
	}
}

// digest hashes a message as the algorithm's name says.
func (s *signer) digest(message []byte) (crypto.Hash, []byte) {
	switch s.alg[2:] {
	case "384":
		sum := sha512.Sum384(message)
		return crypto.SHA384, sum[:]
	case "512":
		sum := sha512.Sum512(message)
		return crypto.SHA512, sum[:]
	default:
		sum := sha256.Sum256(message)
		return crypto.SHA256, sum[:]
	}
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
