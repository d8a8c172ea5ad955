package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"

	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// The allowed sizes of an RSA modulus, in bits. RFC 7518 section 3.3 requires
// 2048; above 8192, one verification takes more than a millisecond.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// signatureAlgs returns the algs that a key of this type and curve can verify, or
// nil if it is not supported. RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1, RFC
// 9864 section 2.2.
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
		return []string{"EdDSA", "Ed25519"}
	}
	return nil
}

// privateMembers returns the secret JWK members of RFC 7518 sections 6.2.2, 6.3.2
// and 6.4, and of RFC 8037 section 2.
func privateMembers() []string {
	return []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
}

// parseKey parses one element of a key set. It reads only the members of the
// public key: a certificate (x5c, x5u) adds no trust here, so an invalid one is
// ignored.
func parseKey(element any, algorithms []string) (*key, *Skipped) {
	if ambiguous, ok := element.(strictjson.Ambiguous); ok {
		return nil, &Skipped{Reason: SkipMalformed, Detail: fmt.Sprintf("its member %s occurs more than once", quote.Text(ambiguous.Name))}
	}
	if skip, ok := element.(*Skipped); ok {
		return nil, skip
	}
	object, ok := element.(map[string]any)
	if !ok {
		return nil, &Skipped{Reason: SkipMalformed, Detail: "it is not a JSON object"}
	}
	m := members(object)
	k := &key{kid: m.text("kid"), kty: m.text("kty"), alg: m.text("alg"), curve: m.text("crv")}
	if reason, detail := k.checkMembers(m, algorithms); reason != "" {
		return nil, &Skipped{KID: k.kid, Reason: reason, Detail: detail, fits: strings.Join(k.could, " ")}
	}
	if k.kty == "RSA" && !(m.isText("n") && m.isText("e")) {
		if m.has("x5c") && !m.has("n") && !m.has("e") {
			return nil, &Skipped{KID: k.kid, Reason: SkipX5COnly, Detail: "it has only a certificate (x5c); n and e are missing"}
		}
		return nil, &Skipped{KID: k.kid, Reason: SkipMalformed, Detail: "it is not a valid RSA key: n or e is missing or not a string"}
	}
	m, k.standard = m.base64URL("n", "e", "x", "y")
	if k.kty == "RSA" && !validExponent(m.text("e")) {
		return nil, &Skipped{KID: k.kid, Reason: SkipExponent, Detail: "its exponent is even, below 3 or above 2^31"}
	}
	// keyfunc compares alg with that of the token. It must not do that for the two names of
	// one algorithm.
	alg := k.alg
	if k.kty == "OKP" {
		alg = ""
	}
	marshal := jwkset.JWKMarshal{
		KID: k.kid, KTY: jwkset.KTY(k.kty), ALG: jwkset.ALG(alg), CRV: jwkset.CRV(k.curve),
		N: m.text("n"), E: m.text("e"), X: m.text("x"), Y: m.text("y"),
	}
	jwk, err := jwkset.NewJWKFromMarshal(marshal, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return nil, &Skipped{KID: k.kid, Reason: SkipMalformed, Detail: fmt.Sprintf("it is not a valid %s key", k.kty)}
	}
	if reason, detail := checkMaterial(jwk.Key()); reason != "" {
		return nil, &Skipped{KID: k.kid, Reason: reason, Detail: detail}
	}
	k.jwk, k.public, k.usage = jwk, jwk.Key().(publicKey), new(usage)
	return k, nil
}

// checkMembers checks the descriptive members of a key, and sets k.could and k.algs. It
// returns an empty reason if the key may be used.
func (k *key) checkMembers(m members, algorithms []string) (reason, detail string) {
	if k.kid == "" && m.has("kid") {
		return SkipKID, "its kid is empty or not a string"
	}
	if k.kty == "oct" {
		return SkipSymmetric, "it is a symmetric key: anyone who can read the key set could sign with it"
	}
	if !slices.Contains([]string{"RSA", "EC", "OKP"}, k.kty) {
		return SkipType, fmt.Sprintf("its kty %s is not supported", quote.Text(k.kty))
	}
	for _, name := range privateMembers() {
		if m.has(name) {
			return SkipPrivate, fmt.Sprintf("its private member %q is published: anyone could sign with it", name)
		}
	}
	// SPIFFE's JWT-SVID section 6.1: the keys of a bundle that verify tokens have the use jwt-svid.
	if use := m.text("use"); m.has("use") && use != "sig" && use != "jwt-svid" {
		return SkipUse, fmt.Sprintf("its use is %s; expected \"sig\" or \"jwt-svid\"", quote.Text(use))
	}
	if ops, ok := m.list("key_ops"); m.has("key_ops") && (!ok || !slices.Contains(ops, "verify")) {
		return SkipKeyOps, "its key_ops do not include \"verify\""
	}
	able := signatureAlgs(k.kty, k.curve)
	if able == nil {
		return SkipCurve, fmt.Sprintf("its curve %s is not supported", quote.Text(k.curve))
	}
	if m.has("alg") && !slices.Contains(able, k.alg) {
		return SkipAlg, fmt.Sprintf("its alg %s is not a signature algorithm for its key type", quote.Text(k.alg))
	}
	for _, alg := range able {
		if k.kty == "OKP" || (k.alg == "" || k.alg == alg) {
			k.could = append(k.could, alg)
		}
	}
	for _, alg := range k.could {
		if slices.Contains(algorithms, alg) {
			k.algs = append(k.algs, alg)
		}
	}
	if len(k.algs) == 0 {
		return SkipAlg, fmt.Sprintf("it fits none of the issuer's algorithms %s; if its tokens are expected, add %s to algorithms",
			algorithms, quote.OneOf(k.could))
	}
	return "", ""
}

// validExponent reports whether an RSA public exponent, in the encoding of a JWK,
// may be used. jwkset keeps only its low 64 bits, so it is checked before jwkset
// parses the key. crypto/rsa does not support more than 31 bits.
func validExponent(e string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(e, "="))
	if err != nil {
		return false
	}
	exponent := new(big.Int).SetBytes(raw)
	return exponent.BitLen() <= 31 && exponent.Int64() >= 3 && exponent.Bit(0) == 1
}

// checkMaterial checks the key itself. It returns an empty reason if the key may
// be used. jwkset has already checked that an EC point is on its curve.
func checkMaterial(material any) (reason, detail string) {
	switch public := material.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		switch {
		case bits < minRSABits || bits > maxRSABits:
			return SkipSize, fmt.Sprintf("it has %d bits; expected %d to %d", bits, minRSABits, maxRSABits)
		case public.N.Bit(0) == 0:
			return SkipMalformed, "its modulus is even"
		case roca(public.N):
			return SkipROCA, "its modulus has the ROCA fingerprint (CVE-2017-15361): the private key can be computed from it"
		}
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize {
			return SkipMalformed, "it is not a valid OKP key"
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

// text returns the member's string, or "" if it is absent or not a string. It
// copies the string, so that a key does not keep the whole document in memory.
func (m members) text(name string) string {
	s, _ := m[name].(string)
	return strings.Clone(s)
}

// base64URL returns m with base64url without padding (RFC 7515 section 2) in place of
// standard base64 or padding, which some issuers publish, and reports whether it has
// replaced any. A mixture of both alphabets stays as it is, and is invalid.
func (m members) base64URL(names ...string) (result members, standard bool) {
	for _, name := range names {
		text, _ := m[name].(string)
		mixed := strings.ContainsAny(text, "+/") && strings.ContainsAny(text, "-_")
		if strings.ContainsAny(text, "+/=") && !mixed {
			if !standard {
				m, standard = maps.Clone(m), true
			}
			m[name] = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
		}
	}
	return m, standard
}

// isText reports whether the member is a string.
func (m members) isText(name string) bool {
	_, ok := m[name].(string)
	return ok
}

// list returns the member's array of strings.
func (m members) list(name string) (list []string, ok bool) {
	items, ok := m[name].([]any)
	for _, item := range items {
		s, isText := item.(string)
		list, ok = append(list, s), ok && isText
	}
	return list, ok
}
