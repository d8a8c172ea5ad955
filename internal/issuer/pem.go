package issuer

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Some issuers publish a JSON object from kid to PEM: Firebase and Google certificates,
// Google IAP public keys. Each one is converted to a JWK, so that it has to pass the same
// checks as a published JWK.

// pemElements returns a document's keys as elements of a key set, in the order of their
// kids, and false if the document is not such an object.
func pemElements(document map[string]any) ([]any, bool) {
	var elements []any
	for _, kid := range slices.Sorted(maps.Keys(document)) {
		text, ok := document[kid].(string)
		if !ok || !strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN ") {
			return nil, false
		}
		elements = append(elements, pemElement(kid, text))
	}
	return elements, len(elements) > 0
}

// pemElement returns a JWK, or a [Skipped] with the reason why there is none.
func pemElement(kid, text string) any {
	skip := func(reason, detail string) any {
		return &Skipped{KID: strings.Clone(kid), Reason: reason, Detail: detail}
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return skip(SkipMalformed, "it is not one PEM block")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
			if usage := certificate.KeyUsage; usage != 0 && usage&x509.KeyUsageDigitalSignature == 0 {
				return skip(SkipUse, "the key usage of its certificate does not include digital signatures")
			}
		}
	default:
		return skip(SkipMalformed, "it is neither a certificate nor a public key in PEM")
	}
	if err != nil {
		return skip(SkipMalformed, "its PEM block cannot be parsed")
	}
	jwk, ok := jwkOf(public)
	if !ok {
		return skip(SkipType, fmt.Sprintf("it is a %T; expected an RSA, ECDSA or Ed25519 public key", public))
	}
	if kid != "" {
		jwk["kid"] = kid
	}
	return jwk
}

// jwkOf returns the members of a public key (RFC 7518 section 6, RFC 8037 section 2).
func jwkOf(public any) (map[string]any, bool) {
	encode := base64.RawURLEncoding.EncodeToString
	switch public := public.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes())}, true
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			return nil, false
		}
		half := 1 + len(point)/2
		return map[string]any{"kty": "EC", "crv": public.Params().Name, "x": encode(point[1:half]), "y": encode(point[half:])}, true
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": encode(public)}, true
	}
	return nil, false
}
