package devidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// rsaBits is the smallest modulus that RFC 7518 section 3.3 allows, and the
// quickest to generate.
const rsaBits = 2048

// key is one signing key with the names it is published under.
type key struct {
	kid    string
	alg    string
	method jwt.SigningMethod
	signer crypto.Signer
}

// newKey generates a key for alg, a name of RFC 7518 section 3.1 or EdDSA
// (RFC 8037), under a fresh random kid.
func newKey(alg string) (*key, error) {
	signer, err := generate(alg)
	if err != nil {
		return nil, err
	}
	// Cognito's key ids are base64 with its + / = as well, so ours are too.
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("read random bytes for a key id: %w", err)
	}
	return &key{
		kid:    base64.StdEncoding.EncodeToString(raw),
		alg:    alg,
		method: jwt.GetSigningMethod(alg),
		signer: signer,
	}, nil
}

// generate makes a private key that fits alg; ES algorithms are tied to their
// curves by RFC 7518 section 3.4.
func generate(alg string) (crypto.Signer, error) {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, fmt.Errorf("algorithm %q is not one of RS256/384/512, PS256/384/512, ES256/384/512, EdDSA", alg)
	}
}

// jwk renders the public half as RFC 7517 and RFC 7518 section 6 have it.
func (k *key) jwk() (map[string]string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	out := map[string]string{"kid": k.kid, "alg": k.alg, "use": "sig"}
	switch public := k.signer.Public().(type) {
	case *rsa.PublicKey:
		out["kty"] = "RSA"
		out["n"] = encode(public.N.Bytes())
		out["e"] = encode(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4 || X || Y, each as wide as the curve
		if err != nil {
			return nil, fmt.Errorf("encode the public key: %w", err)
		}
		half := len(point[1:]) / 2
		out["kty"], out["crv"] = "EC", public.Curve.Params().Name
		out["x"], out["y"] = encode(point[1:1+half]), encode(point[1+half:])
	case ed25519.PublicKey:
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", encode(public)
	default:
		return nil, fmt.Errorf("no JWK form for a public key of type %T", public)
	}
	return out, nil
}

// ring is the keys of one issuer, or of several that share them on purpose.
type ring struct {
	alg string // of keys that are asked for without an algorithm

	mu        sync.Mutex // guards what follows
	signing   *key
	published []*key // in the order in which they joined
	all       []*key // published once, withdrawn or not
}

func newRing(alg string) (*ring, error) {
	r := &ring{alg: alg}
	kid, err := r.add("")
	if err != nil {
		return nil, err
	}
	return r, r.use(kid)
}

// add publishes a new key that does not sign yet.
func (r *ring) add(alg string) (string, error) {
	if alg == "" {
		alg = r.alg
	}
	k, err := newKey(alg) // outside the lock: an RSA key takes a while
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published = append(r.published, k)
	r.all = append(r.all, k)
	return k.kid, nil
}

// use makes the key the one that signs, whether it is published or not.
func (r *ring) use(kid string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.all, func(k *key) bool { return k.kid == kid })
	if at < 0 {
		return fmt.Errorf("no key with id %q", kid)
	}
	r.signing = r.all[at]
	return nil
}

// remove withdraws the key from the set; if it signs, it goes on signing.
func (r *ring) remove(kid string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.published, func(k *key) bool { return k.kid == kid })
	if at < 0 {
		return fmt.Errorf("no published key with id %q", kid)
	}
	r.published = slices.Delete(r.published, at, at+1)
	return nil
}

// rotate publishes and signs with a new key, and withdraws all others at once.
func (r *ring) rotate() (string, error) {
	k, err := newKey(r.alg)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signing, r.published = k, []*key{k}
	r.all = append(r.all, k)
	return k.kid, nil
}

func (r *ring) signer() *key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.signing
}

func (r *ring) snapshot() []*key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.published)
}
