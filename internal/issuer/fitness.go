package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// The sizes that an RSA modulus may have, in bits: RFC 7518 section 3.3 asks
// for 2048, and beyond 8192 one signature costs a millisecond.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// signatureAlgs returns the algs that a key of this type and curve can verify;
// nil: none that is known here. RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1.
func signatureAlgs(kty, curve string) []string {
	switch {
	case kty == "RSA":
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case kty == "EC" && curve == "P-256":
		return []string{"ES256"}
	case kty == "EC" && curve == "P-384":
		return []string{"ES384"}
	case kty == "EC" && curve == "P-521":
		return []string{"ES512"}
	case kty == "OKP" && curve == "Ed25519":
		return []string{"EdDSA"}
	}
	return nil
}

// privateMembers are the JWK members that hold secrets, RFC 7518 sections
// 6.2.2, 6.3.2 and 6.4, and RFC 8037 section 2.
func privateMembers() []string {
	return []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
}

// parseKey makes a key of one element of a key set, or says why not. Only the
// members that make up the public key are looked at: a certificate (x5c, x5u)
// adds no trust here, so a broken one costs nothing.
func parseKey(element any, algorithms []string) (*key, *Skipped) {
	if ambiguous, ok := element.(strictjson.Ambiguous); ok {
		return nil, &Skipped{Reason: SkipMalformed, Detail: fmt.Sprintf("its member %q occurs more than once", clip(ambiguous.Name))}
	}
	object, ok := element.(map[string]any)
	if !ok {
		return nil, &Skipped{Reason: SkipMalformed, Detail: "it is no JSON object"}
	}
	m := members(object)
	k := &key{kid: m.text("kid"), kty: m.text("kty"), alg: m.text("alg"), curve: m.text("crv")}
	if reason, detail := k.declared(m, algorithms); reason != "" {
		return nil, &Skipped{KID: k.kid, Reason: reason, Detail: detail}
	}
	if k.kty == "RSA" && !soundExponent(m.text("e")) {
		return nil, &Skipped{KID: k.kid, Reason: SkipExponent, Detail: "its exponent is even, under 3 or over 2^31"}
	}
	marshal := jwkset.JWKMarshal{
		KID: k.kid, KTY: jwkset.KTY(k.kty), ALG: jwkset.ALG(k.alg), CRV: jwkset.CRV(k.curve),
		N: m.text("n"), E: m.text("e"), X: m.text("x"), Y: m.text("y"),
	}
	jwk, err := jwkset.NewJWKFromMarshal(marshal, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return nil, &Skipped{KID: k.kid, Reason: SkipMalformed, Detail: fmt.Sprintf("it is no valid %s key", k.kty)}
	}
	if reason, detail := unsound(jwk.Key()); reason != "" {
		return nil, &Skipped{KID: k.kid, Reason: reason, Detail: detail}
	}
	k.jwk, k.public, k.usage = jwk, jwk.Key().(publicKey), new(usage)
	return k, nil
}

// declared judges what a key says of itself, and fills in the algs it may
// verify. An empty reason: nothing speaks against it.
func (k *key) declared(m members, algorithms []string) (reason, detail string) {
	if k.kid == "" {
		return SkipNoKID, "it has no kid, or one that is no string"
	}
	if k.kty == "oct" {
		return SkipSymmetric, "it is a symmetric key: whoever reads the set could sign with it"
	}
	if !slices.Contains([]string{"RSA", "EC", "OKP"}, k.kty) {
		return SkipType, fmt.Sprintf("its kty %q is not known", clip(k.kty))
	}
	for _, name := range privateMembers() {
		if m.has(name) {
			return SkipPrivate, fmt.Sprintf("its private member %q is published: anyone could sign with it", name)
		}
	}
	if use := m.text("use"); m.has("use") && use != "sig" {
		return SkipUse, fmt.Sprintf("its use is %q, not \"sig\"", clip(use))
	}
	if ops, ok := m.list("key_ops"); m.has("key_ops") && (!ok || !slices.Contains(ops, "verify")) {
		return SkipKeyOps, "its key_ops lack \"verify\""
	}
	able := signatureAlgs(k.kty, k.curve)
	if able == nil {
		return SkipCurve, fmt.Sprintf("its curve %q is not known", clip(k.curve))
	}
	if m.has("alg") && !slices.Contains(able, k.alg) {
		return SkipAlg, fmt.Sprintf("its alg %q is no signature algorithm for its kind", clip(k.alg))
	}
	for _, alg := range able {
		if slices.Contains(algorithms, alg) && (k.alg == "" || k.alg == alg) {
			k.algs = append(k.algs, alg)
		}
	}
	if len(k.algs) == 0 {
		return SkipAlg, fmt.Sprintf("it fits none of the issuer's algorithms %s", algorithms)
	}
	return "", ""
}

// soundExponent judges an RSA public exponent as the JWK has it. It is looked
// at before a key is made because jwkset keeps only its low 64 bits; beyond 31
// crypto/rsa verifies nothing.
func soundExponent(e string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(e, "="))
	if err != nil {
		return false
	}
	exponent := new(big.Int).SetBytes(raw)
	return exponent.BitLen() <= 31 && exponent.Int64() >= 3 && exponent.Bit(0) == 1
}

// unsound judges the key itself, and takes no other kind than these three. jwkset has made sure that an EC point is on
// its curve, and that the numbers are what the JWK holds.
func unsound(material any) (reason, detail string) {
	switch public := material.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		switch {
		case bits < minRSABits || bits > maxRSABits:
			return SkipSize, fmt.Sprintf("it has %d bits, not %d to %d", bits, minRSABits, maxRSABits)
		case public.N.Bit(0) == 0:
			return SkipMalformed, "its modulus is even"
		case roca(public.N):
			return SkipROCA, "its modulus has the ROCA fingerprint (CVE-2017-15361): the private key can be computed from it"
		}
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize {
			return SkipMalformed, "it is no valid OKP key"
		}
	case *ecdsa.PublicKey:
	default:
		return SkipMalformed, fmt.Sprintf("it is a %T; expected an RSA, ECDSA or Ed25519 public key", material)
	}
	return "", ""
}

// members are the members of a JWK or of a discovery document.
type members map[string]any

// has reports whether the member is present and not null.
func (m members) has(name string) bool { return m[name] != nil }

// text is the member's string, or empty if it is absent or not a string. It does
// not share the memory of the document, which a key would otherwise keep alive.
func (m members) text(name string) string {
	s, _ := m[name].(string)
	return strings.Clone(s)
}

// list is the member's array of strings.
func (m members) list(name string) (list []string, ok bool) {
	items, ok := m[name].([]any)
	for _, item := range items {
		s, isText := item.(string)
		list, ok = append(list, s), ok && isText
	}
	return list, ok
}

// knownAlg reports whether some kind of key can verify alg.
func knownAlg(alg string) bool {
	for _, able := range [][]string{
		signatureAlgs("RSA", ""), signatureAlgs("EC", "P-256"), signatureAlgs("EC", "P-384"), signatureAlgs("EC", "P-521"),
		signatureAlgs("OKP", "Ed25519"),
	} {
		if slices.Contains(able, alg) {
			return true
		}
	}
	return false
}
