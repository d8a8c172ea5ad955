package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
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
	"testing"
)

// This file writes tokens by itself, byte by byte and with no JOSE library, so
// that it can write what none would, and so that the code under test is held
// to the RFCs and not to a library that it shares.

// encode is base64url without padding (RFC 7515 section 2).
func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// hashOf returns the hash of an algorithm's name, SHA-256 for unknown ones.
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

// sign signs as alg says (RFC 7518 section 3, RFC 8037 section 3.1), with
// whatever key it is given; an algorithm that is not known signs as RS256.
func sign(alg string, key crypto.Signer, signed string) []byte {
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

// rawECDSA writes r||s, each as wide as the algorithm asks (RFC 7518 section
// 3.4), or as the key's curve when that is wider.
func rawECDSA(alg string, key *ecdsa.PrivateKey, r, s *big.Int) []byte {
	width := map[string]int{"ES256": 32, "ES384": 48, "ES512": 66}[alg]
	width = max(width, (key.Curve.Params().BitSize+7)/8)
	return slices.Concat(r.FillBytes(make([]byte, width)), s.FillBytes(make([]byte, width)))
}

// signature returns the signature in the form that a vector asks for.
func signature(t testing.TB, form, alg string, key crypto.Signer, signed string) []byte {
	t.Helper()
	kind, detail, _ := strings.Cut(form, " ")
	switch kind {
	case "":
		return sign(alg, key, signed)
	case "empty":
		return nil
	case "zero":
		return make([]byte, len(sign(alg, key, signed)))
	case "hmac":
		mac := hmac.New(hashOf(alg).New, publicBytes(t, detail, key.Public()))
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	case "salt":
		return signPSS(alg, key.(*rsa.PrivateKey), signed, must(strconv.Atoi(detail)))
	case "foreign": // a true signature over something else
		return sign(alg, key, signed+"A")
	}
	good := sign(alg, key, signed)
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
	case "plus-order": // S + L, which RFC 8032 section 5.1.7 refuses
		order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
		return slices.Concat(good[:32], littleEndian(order.Add(order, bigFromLittle(good[32:]))))
	}
	return reshaped(t, kind, alg, key.(*ecdsa.PrivateKey), good)
}

// reshaped writes the two halves of an ECDSA signature in another way.
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

// publicBytes writes a public key in a form that verifiers were made to take
// for an HMAC secret.
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

// jwk writes a public key as JSON (RFC 7518 section 6).
func jwk(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	switch key := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"}`, encode(key.N.Bytes()))
	case ed25519.PublicKey:
		return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, encode(key))
	}
	t.Fatalf("no JWK form for %T", key)
	return ""
}

// certificate is a self-signed certificate for a key, as x5c has it (RFC 7515
// section 4.1.6).
func certificate(key crypto.Signer) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return base64.StdEncoding.EncodeToString(der)
}

var (
	quotedHole = regexp.MustCompile(`"\{\{(now|jwk|x5c|nest) ?([^}]*)\}\}"`)
	bareHole   = regexp.MustCompile(`\{\{byte ([0-9a-f]{2})\}\}`)
)

// fill puts into a JSON text what its placeholders stand for.
func fill(t testing.TB, text string) string {
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
			return jwk(t, privateKeys()[detail].Public())
		case "x5c":
			return strconv.Quote(certificate(privateKeys()[detail]))
		default: // nest: that many arrays in one another
			depth := must(strconv.Atoi(detail))
			return strings.Repeat("[", depth) + strings.Repeat("]", depth)
		}
	})
	return bareHole.ReplaceAllStringFunc(text, func(hole string) string {
		return string(must(hex.DecodeString(bareHole.FindStringSubmatch(hole)[1])))
	})
}

// members writes the members of an object without the braces, in the order of
// their names.
func members(object map[string]json.RawMessage) string {
	list := make([]string, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		list = append(list, fmt.Sprintf("%s:%s", must(json.Marshal(name)), object[name]))
	}
	return strings.Join(list, ",")
}

// mint writes and signs a token with the given JSON texts.
func mint(alg string, key crypto.Signer, header, claims string) string {
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	return signed + "." + encode(sign(alg, key, signed))
}

// mintRS256 signs with the key "rsa-2048" the claims of an ordinary token for
// [apiIssuer], over which more is laid; a nil value takes a claim out.
func mintRS256(more map[string]any) string {
	claims := map[string]any{
		"iss": "https://api.example/", "aud": "orders-api", "sub": "alice",
		"exp": now.Unix() + 3600, "iat": now.Unix(), "nbf": now.Unix(),
	}
	for name, value := range more {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return mint("RS256", privateKeys()["rsa-2048"], `{"alg":"RS256","kid":"rsa-2048","typ":"JWT"}`, string(must(json.Marshal(claims))))
}

// deterministicKey is a private key by which FuzzVerify's tokens are the same in every
// process of a fuzzing run.
func deterministicKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
}
