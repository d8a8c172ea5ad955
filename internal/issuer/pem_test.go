package issuer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/issuer"
)

// certificate returns a certificate for a public key, which another key has signed.
func certificate(t *testing.T, public crypto.PublicKey, usage x509.KeyUsage) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), KeyUsage: usage}
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{}, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func publicPEM(t *testing.T, public crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// pemDocument is a document as Firebase and Google IAP publish it.
func pemDocument(t *testing.T, keys map[string]any) string {
	t.Helper()
	text, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An object from kid to PEM is a key set, and each of its keys fits only the algs of its
// type and curve.
func TestPEMKeySet(t *testing.T) {
	rsaKey, p256, p384, p521, ed := newRSA(t), newEC(t, elliptic.P256()), newEC(t, elliptic.P384()), newEC(t, elliptic.P521()), newEd(t)
	i := only(t, newSet(t, issuer.Options{}, issuerOf(t, pemDocument(t, map[string]any{
		"rsa": certificate(t, rsaKey, 0), "p256": "\n" + certificate(t, p256, x509.KeyUsageDigitalSignature) + "\n",
		"p384": publicPEM(t, p384), "p521": publicPEM(t, p521), "ed": publicPEM(t, ed), "ps": publicPEM(t, rsaKey),
	}))))
	for _, row := range []struct {
		kid, alg, other string
		key             interface{ Equal(crypto.PublicKey) bool }
	}{
		{"rsa", "RS256", "ES256", rsaKey}, {"ps", "PS256", "EdDSA", rsaKey}, {"p256", "ES256", "ES384", p256},
		{"p384", "ES384", "ES256", p384}, {"p521", "ES512", "RS256", p521}, {"ed", "EdDSA", "ES256", ed},
	} {
		if got := want(t, i, row.kid, row.alg, nil); !row.key.Equal(got) {
			t.Errorf("%s: got another key", row.kid)
		}
		want(t, i, row.kid, row.other, issuer.ErrKeyUnfit)
	}
}

// Each row is a value that is not a usable key, beside one that is. It must pass the same
// checks as a JWK.
func TestBadPEMAmongGood(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	one := certificate(t, newEd(t), 0)
	for _, row := range []struct{ name, reason, text string }{
		{"1024 bits", issuer.SkipSize, certificate(t, modulus(t, 1024), 0)},
		{"ROCA", issuer.SkipROCA, certificate(t, rocaModulus(2048), 0)},
		{"e = 1", issuer.SkipExponent, publicPEM(t, &rsa.PublicKey{N: modulus(t, 2048).N, E: 1})},
		{"P-224", issuer.SkipCurve, publicPEM(t, newEC(t, elliptic.P224()))},
		{"for encryption", issuer.SkipUse, certificate(t, newRSA(t), x509.KeyUsageKeyEncipherment)},
		{"for a CA", issuer.SkipUse, certificate(t, newRSA(t), x509.KeyUsageCertSign)},
		{"a private key", issuer.SkipMalformed, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))},
		{"two certificates", issuer.SkipMalformed, one + one},
		{"text behind it", issuer.SkipMalformed, one + "x"},
		{"no end", issuer.SkipMalformed, one[:60]},
		{"no certificate", issuer.SkipMalformed, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := only(t, newSet(t, issuer.Options{}, issuerOf(t, pemDocument(t, map[string]any{"bad": row.text, "good": publicPEM(t, newEd(t))}))))
			want(t, i, "good", "EdDSA", nil)
			for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
				want(t, i, "bad", alg, issuer.ErrKeyUnfit)
			}
			if skipped := i.Stats().Skipped; len(skipped) != 1 || skipped[0].KID != "bad" || skipped[0].Reason != row.reason {
				t.Errorf("skipped %+v, want one for %s", skipped, row.reason)
			}
		})
	}
}

// An object of which any value is not PEM is not a key set.
func TestNoPEMKeySet(t *testing.T) {
	for _, more := range []any{"error", 1, nil, map[string]any{}} {
		cfg := issuerOf(t, pemDocument(t, map[string]any{"a": publicPEM(t, newEd(t)), "b": more}))
		if _, err := issuer.NewSet(configOf(cfg), issuer.Options{}); err == nil || !strings.Contains(err.Error(), `no member "keys"`) {
			t.Errorf("%v: got %v", more, err)
		}
	}
}

// Keys in standard base64 are used, and counted. A mixture of both alphabets is neither.
func TestStandardBase64(t *testing.T) {
	plain := strings.NewReplacer("-", "+", "_", "/")
	var odd string
	var key ed25519.PublicKey
	for !strings.Contains(odd, "-") || !strings.Contains(odd, "_") {
		key = newEd(t)
		odd = b64(key)
	}
	i := only(t, newSet(t, issuer.Options{}, issuerOf(t, document(t,
		edJWK("standard", key).with("x", plain.Replace(odd)+"="), edJWK("unpadded", key).with("x", plain.Replace(odd)),
		edJWK("padded", key).with("x", odd+"="), edJWK("url", key),
		edJWK("mixed", key).with("x", strings.Replace(odd, "-", "+", 1)),
	))))
	for _, kid := range []string{"standard", "unpadded", "padded", "url"} {
		if got := want(t, i, kid, "EdDSA", nil); !key.Equal(got) {
			t.Errorf("%s: got another key", kid)
		}
	}
	want(t, i, "mixed", "EdDSA", issuer.ErrKeyUnfit)
	if got := i.Stats().Standard; got != 3 {
		t.Errorf("got %d keys in standard base64; expected 3", got)
	}
}
