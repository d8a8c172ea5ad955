// Package forge writes the tokens of the vectors byte by byte without a JOSE library. So it
// can write invalid tokens, and the tests compare the code with the RFCs and not with a
// library that the code uses too. It is for tests, and panics after an error.
package forge

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Keys returns the keys that sign tokens, by kid. Every issuer of the vectors publishes all
// of them except the attacker's, like an emulator that has one key for all pools: then only
// iss distinguishes the issuers.
var Keys = sync.OnceValue(func() map[string]crypto.Signer {
	keys := make(map[string]crypto.Signer)
	for kid, bits := range map[string]int{"rsa-2048": 2048, "rsa-3072": 3072, "attacker-rsa": 2048} {
		keys[kid] = must(rsa.GenerateKey(rand.Reader, bits))
	}
	for kid, curve := range map[string]elliptic.Curve{
		"p-256": elliptic.P256(), "p-384": elliptic.P384(), "p-521": elliptic.P521(), "attacker-p-256": elliptic.P256(),
	} {
		keys[kid] = must(ecdsa.GenerateKey(curve, rand.Reader))
	}
	for _, kid := range []string{"ed25519", "attacker-ed25519"} {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		keys[kid] = must(private, err)
	}
	return keys
})

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// Published returns the public keys that the issuers of the vectors publish.
func Published() map[string]crypto.PublicKey {
	keys := make(map[string]crypto.PublicKey)
	for _, kid := range []string{"rsa-2048", "rsa-3072", "p-256", "p-384", "p-521", "ed25519"} {
		keys[kid] = Keys()[kid].Public()
	}
	return keys
}

// Encode is base64url without padding (RFC 7515 section 2).
func Encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// hashOf returns the hash of an algorithm, or SHA-256 if the algorithm is unknown.
func hashOf(alg string) crypto.Hash {
	switch {
	case strings.HasSuffix(alg, "384"):
		return crypto.SHA384
	case strings.HasSuffix(alg, "512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}

func digest(alg, signed string) []byte {
	h := hashOf(alg).New()
	h.Write([]byte(signed))
	return h.Sum(nil)
}

// Sign signs with an algorithm (RFC 7518 section 3, RFC 8037 section 3.1) and any key. An
// unknown algorithm signs as RS256.
func Sign(alg string, key crypto.Signer, signed string) []byte {
	hash := hashOf(alg)
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			return signPSS(alg, key, signed, hash.Size())
		}
		return must(rsa.SignPKCS1v15(nil, key, hash, digest(alg, signed)))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest(alg, signed))
		if err != nil {
			panic(err)
		}
		return rawECDSA(alg, key, r, s)
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(signed))
	}
	panic(fmt.Sprintf("no key to sign with: %T", key))
}

func signPSS(alg string, key *rsa.PrivateKey, signed string, salt int) []byte {
	return must(rsa.SignPSS(rand.Reader, key, hashOf(alg), digest(alg, signed), &rsa.PSSOptions{SaltLength: salt}))
}

// rawECDSA returns r||s, each with the length that the algorithm requires (RFC 7518 section
// 3.4), or that of the key's curve if it is longer.
func rawECDSA(alg string, key *ecdsa.PrivateKey, r, s *big.Int) []byte {
	width := map[string]int{"ES256": 32, "ES384": 48, "ES512": 66}[alg]
	width = max(width, (key.Curve.Params().BitSize+7)/8)
	return slices.Concat(r.FillBytes(make([]byte, width)), s.FillBytes(make([]byte, width)))
}

// signature returns the signature in the form of the vector.
func signature(t testing.TB, form, alg string, key crypto.Signer, signed string) []byte {
	t.Helper()
	kind, detail, _ := strings.Cut(form, " ")
	switch kind {
	case "":
		return Sign(alg, key, signed)
	case "empty":
		return nil
	case "zero":
		return make([]byte, len(Sign(alg, key, signed)))
	case "hmac":
		mac := hmac.New(hashOf(alg).New, publicBytes(t, detail, key.Public()))
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	case "salt":
		return signPSS(alg, key.(*rsa.PrivateKey), signed, must(strconv.Atoi(detail)))
	case "foreign": // a valid signature of another text
		return Sign(alg, key, signed+"A")
	}
	good := Sign(alg, key, signed)
	switch kind {
	case "short":
		return good[:len(good)-1]
	case "long":
		return append(good, 0)
	case "led": // by a zero byte
		return slices.Concat([]byte{0}, good)
	case "doubled":
		return slices.Concat(good, good)
	case "flipped":
		good[len(good)/2] ^= 1
		return good
	case "plus-order": // S + L, which RFC 8032 section 5.1.7 does not allow
		order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
		return slices.Concat(good[:32], littleEndian(order.Add(order, bigFromLittle(good[32:]))))
	}
	return reshaped(t, kind, alg, key.(*ecdsa.PrivateKey), good)
}

// reshaped returns an ECDSA signature in another form.
func reshaped(t testing.TB, form, alg string, key *ecdsa.PrivateKey, good []byte) []byte {
	t.Helper()
	r, s := new(big.Int).SetBytes(good[:len(good)/2]), new(big.Int).SetBytes(good[len(good)/2:])
	n := key.Curve.Params().N
	switch form {
	case "der":
		return must(asn1.Marshal(struct{ R, S *big.Int }{r, s}))
	case "swapped":
		return rawECDSA(alg, key, s, r)
	case "negated":
		return rawECDSA(alg, key, r, s.Sub(n, s))
	case "order":
		return rawECDSA(alg, key, n, n)
	}
	t.Fatalf("no form of signature is called %q", form)
	return nil
}

func littleEndian(n *big.Int) []byte {
	bytes := n.FillBytes(make([]byte, 32))
	slices.Reverse(bytes)
	return bytes
}

func bigFromLittle(bytes []byte) *big.Int {
	bytes = slices.Clone(bytes)
	slices.Reverse(bytes)
	return new(big.Int).SetBytes(bytes)
}

// publicBytes returns a public key in a form that some verifiers used as an HMAC secret.
func publicBytes(t testing.TB, form string, key crypto.PublicKey) []byte {
	t.Helper()
	der := must(x509.MarshalPKIXPublicKey(key))
	switch form {
	case "pem":
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	case "der":
		return der
	case "modulus":
		return key.(*rsa.PublicKey).N.Bytes()
	case "jwk":
		return []byte(jwk(t, key))
	case "empty":
		return nil
	}
	t.Fatalf("no form of key is called %q", form)
	return nil
}

// jwk returns a public key as JSON (RFC 7518 section 6).
func jwk(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	switch key := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"}`, Encode(key.N.Bytes()))
	case ed25519.PublicKey:
		return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, Encode(key))
	}
	t.Fatalf("no JWK form for %T", key)
	return ""
}

// certificate returns a self-signed certificate of a key in the form of x5c (RFC 7515
// section 4.1.6).
func certificate(key crypto.Signer, now time.Time) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return base64.StdEncoding.EncodeToString(der)
}

var (
	quotedHole = regexp.MustCompile(`"\{\{(now|jwk|x5c|nest) ?([^}]*)\}\}"`)
	bareHole   = regexp.MustCompile(`\{\{byte ([0-9a-f]{2})\}\}`)
)

// fill replaces the placeholders of a JSON text.
func fill(t testing.TB, text string, now time.Time) string {
	t.Helper()
	text = quotedHole.ReplaceAllStringFunc(text, func(hole string) string {
		parts := quotedHole.FindStringSubmatch(hole)
		switch kind, detail := parts[1], parts[2]; kind {
		case "now":
			offset := 0.0
			if detail != "" {
				offset = must(strconv.ParseFloat(detail, 64))
			}
			return strconv.FormatFloat(float64(now.Unix())+offset, 'f', -1, 64)
		case "jwk":
			return jwk(t, Keys()[detail].Public())
		case "x5c":
			return strconv.Quote(certificate(Keys()[detail], now))
		default: // nest: nested arrays
			depth := must(strconv.Atoi(detail))
			return strings.Repeat("[", depth) + strings.Repeat("]", depth)
		}
	})
	return bareHole.ReplaceAllStringFunc(text, func(hole string) string {
		return string(must(hex.DecodeString(bareHole.FindStringSubmatch(hole)[1])))
	})
}

// members returns the members of an object without the braces, sorted by name.
func members(object map[string]json.RawMessage) string {
	list := make([]string, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		list = append(list, fmt.Sprintf("%s:%s", must(json.Marshal(name)), object[name]))
	}
	return strings.Join(list, ",")
}

// Mint returns a signed token with a header and claims.
func Mint(alg string, key crypto.Signer, header, claims string) string {
	signed := Encode([]byte(header)) + "." + Encode([]byte(claims))
	return signed + "." + Encode(Sign(alg, key, signed))
}

// KeySet returns the published keys as a JWK set (RFC 7517 section 5).
func KeySet(t testing.TB) []byte {
	t.Helper()
	var keys []json.RawMessage
	for kid, key := range Published() {
		keys = append(keys, publishedKey(t, kid, key))
	}
	return must(json.Marshal(map[string]any{"keys": keys}))
}

// publishedKey is a member of a JWK set.
func publishedKey(t testing.TB, kid string, key crypto.PublicKey) json.RawMessage {
	t.Helper()
	text := ""
	if ec, ok := key.(*ecdsa.PublicKey); ok {
		point := must(ec.Bytes())[1:] // X || Y
		x, y := Encode(point[:len(point)/2]), Encode(point[len(point)/2:])
		text = fmt.Sprintf(`{"kty":"EC","crv":%q,"x":%q,"y":%q}`, ec.Curve.Params().Name, x, y)
	} else {
		text = jwk(t, key)
	}
	return json.RawMessage(strings.Replace(text, "{", fmt.Sprintf(`{"kid":%q,"use":"sig",`, kid), 1))
}
