package issuer_test

import (
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// rocaModulus returns a modulus of this many bits with the fingerprint: a power of
// 65537 modulo the product of the small primes.
func rocaModulus(bits int) *rsa.PublicKey {
	product := big.NewInt(1)
	for p := int64(3); p <= 167; p += 2 {
		if big.NewInt(p).ProbablyPrime(0) {
			product.Mul(product, big.NewInt(p))
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123456789), product)
	multiple := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), uint(bits)-1), product)
	multiple.Add(multiple, big.NewInt(2))
	if multiple.Bit(0) == n.Bit(0) { // the sum must be odd, and the product is
		multiple.Add(multiple, big.NewInt(1))
	}
	n.Add(n, multiple.Mul(multiple, product))
	return &rsa.PublicKey{N: n, E: 65537}
}

// Each row is an unusable key between two usable ones. Only that key is skipped, for
// the given reason.
func TestBadKeyAmongGood(t *testing.T) {
	good, ec, ed := rsaJWK("bad", newRSA(t)), ecJWK(t, "bad", newEC(t, elliptic.P256())), edJWK("bad", newEd(t))
	offCurve := ec.with("x", ec["y"], "y", ec["x"])
	long := strings.Repeat("A", 600_000)
	for _, row := range []struct {
		name, reason, detail string
		key                  any
	}{
		{"no object", issuer.SkipMalformed, "it is not a JSON object", "key"},
		{"null", issuer.SkipMalformed, "it is not a JSON object", nil},
		{"array", issuer.SkipMalformed, "it is not a JSON object", []int{1}},
		{"repeated kid", issuer.SkipMalformed, `"kid" occurs more than once`, repeated(t, good, `"kid":"other"`)},
		{"repeated use, once escaped", issuer.SkipMalformed, `"use" occurs`, repeated(t, good.with("use", "enc"), `"us\u0065":"sig"`)},
		{"repeated alg with the same value", issuer.SkipMalformed, `"alg" occurs`, repeated(t, good.with("alg", "RS256"), `"alg":"RS256"`)},
		{"empty kid", issuer.SkipKID, "kid is empty", good.with("kid", "")},
		{"numeric kid", issuer.SkipKID, "not a string", good.with("kid", 7)},
		{"no kty", issuer.SkipType, `kty ""`, good.with("kty", nil)},
		{"unknown kty", issuer.SkipType, `kty "AKP"`, good.with("kty", "AKP")},
		{"kty in small letters", issuer.SkipType, `kty "rsa"`, good.with("kty", "rsa")},
		{"symmetric", issuer.SkipSymmetric, "symmetric", jwk{"kid": "bad", "kty": "oct", "k": "c2VjcmV0"}},
		{"symmetric, empty", issuer.SkipSymmetric, "symmetric", jwk{"kid": "bad", "kty": "oct", "k": "="}},
		{"private RSA", issuer.SkipPrivate, `"d"`, good.with("d", "AQAB")},
		{"private EC", issuer.SkipPrivate, `"d"`, ec.with("d", "AQAB")},
		{"prime factors", issuer.SkipPrivate, `"p"`, good.with("p", "AQAB", "q", "AQAB")},
		{"k beside a public key", issuer.SkipPrivate, `"k"`, good.with("k", "AQAB")},
		{"for encryption", issuer.SkipUse, `use is "enc"`, good.with("use", "enc")},
		{"SPIFFE's for TLS", issuer.SkipUse, `use is "x509-svid"`, good.with("use", "x509-svid")},
		{"unregistered use", issuer.SkipUse, `use is "tls"`, good.with("use", "tls")},
		{"use in capitals", issuer.SkipUse, `use is "SIG"`, good.with("use", "SIG")},
		{"empty use", issuer.SkipUse, `use is ""`, good.with("use", "")},
		{"use no string", issuer.SkipUse, `use is ""`, good.with("use", []string{"sig"})},
		{"key_ops without verify", issuer.SkipKeyOps, "verify", good.with("key_ops", []string{"encrypt"})},
		{"key_ops only sign", issuer.SkipKeyOps, "verify", good.with("key_ops", []string{"sign"})},
		{"key_ops empty", issuer.SkipKeyOps, "verify", good.with("key_ops", []string{})},
		{"key_ops with a number", issuer.SkipKeyOps, "verify", good.with("key_ops", []any{"verify", 1})},
		{"key_ops no array", issuer.SkipKeyOps, "verify", good.with("key_ops", "verify")},
		{"alg for encryption", issuer.SkipAlg, `"RSA-OAEP"`, good.with("alg", "RSA-OAEP")},
		{"unknown alg", issuer.SkipAlg, `"FOO"`, good.with("alg", "FOO")},
		{"alg none", issuer.SkipAlg, `"none"`, good.with("alg", "none")},
		{"alg HS256", issuer.SkipAlg, `"HS256"`, good.with("alg", "HS256")},
		{"alg of another kind", issuer.SkipAlg, `"ES256"`, good.with("alg", "ES256")},
		{"Ed25519 of an RSA key", issuer.SkipAlg, `"Ed25519"`, good.with("alg", "Ed25519")},
		{"Ed448 of an Ed25519 key", issuer.SkipAlg, `"Ed448"`, ed.with("alg", "Ed448")},
		{"alg of another curve", issuer.SkipAlg, `"ES384"`, ec.with("alg", "ES384")},
		{"alg no string", issuer.SkipAlg, `alg ""`, good.with("alg", 1)},
		{"no curve", issuer.SkipCurve, `curve ""`, ec.with("crv", nil)},
		{"secp256k1", issuer.SkipCurve, `"secp256k1"`, ec.with("crv", "secp256k1")},
		{"P-224", issuer.SkipCurve, `"P-224"`, ec.with("crv", "P-224")},
		{"Ed448", issuer.SkipCurve, `"Ed448"`, ed.with("crv", "Ed448")},
		{"X25519", issuer.SkipCurve, `"X25519"`, ed.with("crv", "X25519")},
		{"EC as OKP", issuer.SkipCurve, `"P-256"`, ec.with("kty", "OKP")},
		{"off the curve", issuer.SkipMalformed, "valid EC", offCurve},
		{"the point 0,0", issuer.SkipMalformed, "valid EC", ec.with("x", "AA", "y", "AA")},
		{"a coordinate of another curve", issuer.SkipMalformed, "valid EC", ec.with("crv", "P-384")},
		{"no y", issuer.SkipMalformed, "valid EC", ec.with("y", nil)},
		{"coordinate no base64", issuer.SkipMalformed, "valid EC", ec.with("x", "!!")},
		{"Ed25519 too short", issuer.SkipMalformed, "valid OKP", ed.with("x", "AQAB")},
		{"Ed25519 too long", issuer.SkipMalformed, "valid OKP", ed.with("x", b64(make([]byte, 33)))},
		{"only a certificate", issuer.SkipX5COnly, "n and e are missing", good.with("n", nil, "e", nil, "x5c", []string{"AA=="})},
		{"a certificate and no e", issuer.SkipMalformed, "valid RSA", good.with("e", nil, "x5c", []string{"AA=="})},
		{"neither n nor e", issuer.SkipMalformed, "valid RSA", good.with("n", nil, "e", nil)},
		{"no n", issuer.SkipMalformed, "valid RSA", good.with("n", nil)},
		{"n no string", issuer.SkipMalformed, "valid RSA", good.with("n", 12345)},
		{"n no base64", issuer.SkipMalformed, "valid RSA", good.with("n", "!!")},
		{"n even", issuer.SkipMalformed, "even", rsaJWK("bad", even(modulus(t, 2048)))},
		{"no e", issuer.SkipMalformed, "n or e is missing", good.with("e", nil)},
		{"e empty", issuer.SkipExponent, "exponent", good.with("e", "")},
		{"e = 0", issuer.SkipExponent, "exponent", good.with("e", "AA")},
		{"e = 1", issuer.SkipExponent, "exponent", good.with("e", "AQ")},
		{"e = 2", issuer.SkipExponent, "exponent", good.with("e", "Ag")},
		{"e even", issuer.SkipExponent, "exponent", good.with("e", b64([]byte{1, 0, 0}))},
		{"e = 2^31 + 1", issuer.SkipExponent, "exponent", good.with("e", b64([]byte{128, 0, 0, 1}))},
		{"e = 2^64 + 65537", issuer.SkipExponent, "exponent", good.with("e", b64([]byte{1, 0, 0, 0, 0, 0, 1, 0, 1}))},
		{"e huge", issuer.SkipExponent, "exponent", good.with("e", long)},
		{"e no base64", issuer.SkipExponent, "exponent", good.with("e", "!!")},
		{"1024 bits", issuer.SkipSize, "1024 bits", rsaJWK("bad", modulus(t, 1024))},
		{"2047 bits", issuer.SkipSize, "2047 bits", rsaJWK("bad", modulus(t, 2047))},
		{"8193 bits", issuer.SkipSize, "8193 bits", rsaJWK("bad", modulus(t, 8193))},
		{"half a million digits", issuer.SkipSize, "bits", good.with("n", "QAAA"+long)},
		{"ROCA", issuer.SkipROCA, "CVE-2017-15361", rsaJWK("bad", rocaModulus(2048))},
	} {
		t.Run(row.name, func(t *testing.T) {
			first, last := newEd(t), newEd(t)
			content, err := json.Marshal(map[string]any{"keys": []any{edJWK("first", first), row.key, edJWK("last", last)}})
			if err != nil {
				t.Fatal(err)
			}
			i := only(t, newSet(t, issuer.Options{}, issuerOf(t, string(content))))
			want(t, i, "first", "EdDSA", nil)
			want(t, i, "last", "EdDSA", nil)
			skipped := i.Stats().Skipped
			if len(skipped) != 1 || skipped[0].Reason != row.reason || !strings.Contains(skipped[0].Detail, row.detail) {
				t.Errorf("skipped %+v, want one for %s, %s", skipped, row.reason, row.detail)
			}
			if len(skipped) == 1 && len(skipped[0].Detail) > 200 {
				t.Errorf("the detail has %d bytes", len(skipped[0].Detail))
			}
		})
	}
}

// repeated returns a key with one more member.
func repeated(t *testing.T, key jwk, member string) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return json.RawMessage(strings.TrimSuffix(string(text), "}") + "," + member + "}")
}

func even(k *rsa.PublicKey) *rsa.PublicKey {
	k.N.SetBit(k.N, 0, 0)
	return k
}

// Each row is an unusual but valid key, which must load.
func TestUnusualButValidKey(t *testing.T) {
	good, ec, ed := rsaJWK("k", newRSA(t)), ecJWK(t, "k", newEC(t, elliptic.P256())), edJWK("k", newEd(t))
	for _, row := range []struct {
		name, alg string
		key       jwk
	}{
		{"no use, no alg", "RS256", good.with("use", nil)},
		{"use null", "RS256", good.with("use", nil, "use", json.RawMessage("null"))},
		{"key_ops verify", "RS256", good.with("key_ops", []string{"verify"})},
		{"key_ops with an unregistered one", "RS256", good.with("key_ops", []string{"x", "verify"})},
		{"repeated name in an unknown member", "RS256", good.with("meta", json.RawMessage(`{"a":1,"a":2}`))},
		{"unknown members", "RS256", good.with("exp", 1, "nested", map[string]any{"a": []int{1}})},
		{"broken x5c", "RS256", good.with("x5c", []string{"no certificate"}, "x5t", "x")},
		{"x5u over http", "RS256", good.with("x5u", "http://127.0.0.1:1/cert")},
		{"padding in n and e", "RS256", good.with("n", good["n"].(string)+"==", "e", "AQAB=")},
		{"leading zero in e", "RS256", good.with("e", "AAEAAQ")},
		{"e = 3", "RS256", good.with("e", "Aw")},
		{"4096 bits", "PS512", rsaJWK("k", modulus(t, 4096))},
		{"8192 bits", "PS512", rsaJWK("k", modulus(t, 8192))},
		{"EC with alg", "ES256", ec.with("alg", "ES256")},
		{"Ed25519 with alg", "EdDSA", ed.with("alg", "EdDSA", "use", "sig")},
		{"Ed25519 by its other name", "Ed25519", ed.with("alg", "EdDSA")},
		{"EdDSA by its other name", "EdDSA", ed.with("alg", "Ed25519")},
		{"Ed25519 without alg", "Ed25519", ed},
		{"SPIFFE's for tokens", "ES256", ec.with("use", "jwt-svid")},
		{"kid with base64 characters", "RS256", good.with("kid", "a+b/c=")},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := only(t, newSet(t, issuer.Options{}, issuerOf(t, document(t, row.key))))
			want(t, i, row.key["kid"].(string), row.alg, nil)
		})
	}
}

// Cognito and many others sign with RS256 only; their key sets may have other keys.
func TestKeyForNoneOfTheIssuersAlgorithms(t *testing.T) {
	cfg := issuerOf(t, document(t,
		rsaJWK("rsa", newRSA(t)), ecJWK(t, "ec", newEC(t, elliptic.P256())), rsaJWK("ps", newRSA(t)).with("alg", "PS256")))
	cfg.Algorithms = []string{"RS256"}
	i := only(t, newSet(t, issuer.Options{}, cfg))
	want(t, i, "rsa", "RS256", nil)
	want(t, i, "ec", "RS256", issuer.ErrKeyUnfit)
	want(t, i, "ps", "RS256", issuer.ErrKeyUnfit)
	for _, skip := range i.Stats().Skipped {
		hint := map[string]string{"ec": `add "ES256" to algorithms`, "ps": `add "PS256" to algorithms`}[skip.KID]
		if skip.Reason != issuer.SkipAlg || !strings.Contains(skip.Detail, "[RS256]") || !strings.Contains(skip.Detail, hint) {
			t.Errorf("skipped %+v, want alg", skip)
		}
	}
}

// The two names of the algorithm Ed25519 do not open one another: algorithms decides which
// of them a token may have.
func TestEd25519IsNotEdDSAInAlgorithms(t *testing.T) {
	for alg, other := range map[string]string{"EdDSA": "Ed25519", "Ed25519": "EdDSA"} {
		for _, published := range []any{nil, alg, other} {
			cfg := issuerOf(t, document(t, edJWK("k", newEd(t)).with("alg", published)))
			cfg.Algorithms = []string{alg}
			i := only(t, newSet(t, issuer.Options{}, cfg))
			want(t, i, "k", alg, nil)
			want(t, i, "k", other, issuer.ErrKeyUnfit)
		}
	}
}

// Each row is a response without a usable key, and its error.
func TestUnusableDocument(t *testing.T) {
	one := document(t, edJWK("k", newEd(t)))
	for _, row := range []struct{ name, content, text string }{
		{"nothing", "", "not a valid JSON object"},
		{"an empty object", "{}", `no member "keys"`},
		{"null", "null", "not a valid JSON object: not an object at byte 0"},
		{"an error object", `{"error":"temporarily_unavailable"}`, `no member "keys"`},
		{"HTML", "<html><body>502</body></html>", "not a valid JSON object: not an object at byte 0"},
		{"an array", "[]", "not a valid JSON object: not an object at byte 0"},
		{"truncated", one[:40], "not a valid JSON object: invalid JSON at byte 40"},
		{"garbage behind", one + "x", "not a valid JSON object: unexpected data after the object at byte"},
		{"two documents", one + "{}", "not a valid JSON object: unexpected data after the object at byte"},
		{"keys twice", strings.Replace(one, `{`, `{"keys":[],`, 1), "not a valid JSON object: duplicate name at byte"},
		{"keys twice, once escaped", strings.Replace(one, `{`, `{"k\u0065ys":[],`, 1), "not a valid JSON object: duplicate name at byte"},
		{"only a key with a repeated member", `{"keys":[{"kid":"a","kid":"b"}]}`, `; kid "": its member "kid" occurs more than once`},
		{"invalid UTF-8", one + "\xff", "not a valid JSON object: invalid UTF-8"},
		{"an unpaired surrogate", strings.Replace(one, `{`, `{"x":"\ud800",`, 1), "not a valid JSON object: invalid UTF-8"},
		{"33 levels", strings.Replace(one, `{`, `{"x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`,`, 1), "nested too deep at byte"},
		{"keys in capitals", strings.Replace(document(t, edJWK("k", newEd(t))), "keys", "Keys", 1), `no member "keys"`},
		{"keys no array", `{"keys":{}}`, `"keys" is not an array`},
		{"keys null", `{"keys":null}`, "empty"},
		{"no keys", `{"keys":[]}`, "empty"},
		{"only unusable keys", document(t, rsaJWK("a", newRSA(t)).with("use", "enc"), jwk{"kid": "b", "kty": "oct", "k": "AA"}),
			`none of the key set's 2 keys is usable; kid "a": its use is "enc"; expected "sig" or "jwt-svid"; kid "b": it is a symmetric key`},
		{"each fault once",
			document(t, rsaJWK("a", modulus(t, 1024)), rsaJWK("b", modulus(t, 1024)), ecJWK(t, "c", newEC(t, elliptic.P256())).with("use", "x")),
			`none of the key set's 3 keys is usable; kid "a": it has 1024 bits; expected 2048 to 8192; kid "c": its use is "x"`},
		{"more than 1 MiB", document(t, edJWK("k", newEd(t)).with("pad", strings.Repeat("x", 1<<20))), "more than 1048576 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := issuer.NewSet(configOf(issuerOf(t, row.content)), issuer.Options{})
			if err == nil || !strings.Contains(err.Error(), "the key set cannot be used: ") || !strings.Contains(err.Error(), row.text) {
				t.Errorf("got %v, want it to say %s", err, row.text)
			}
		})
	}
}

// Keys do not keep their document in memory.
func TestKeysDoNotKeepTheirDocument(t *testing.T) {
	content := document(t, edJWK("k", newEd(t)).with("pad", strings.Repeat("x", 1_000_000)))
	before := heap()
	for range 20 {
		i := only(t, newSet(t, issuer.Options{}, issuerOf(t, content)))
		want(t, i, "k", "EdDSA", nil)
	}
	if after := heap(); after > before+10_000_000 {
		t.Errorf("20 key sets keep %d bytes", after-before)
	}
}

// NewSet does not panic, whatever the key set is, and Key returns only keys that fit
// the alg.
func FuzzKeySet(f *testing.F) {
	rsaKey := rsaJWK("rsa", newRSA(f))
	f.Add(document(f, rsaKey, rsaKey.with("e", "AA"), ecJWK(f, "ec", newEC(f, elliptic.P256())), edJWK("ed", newEd(f))))
	f.Add(document(f, rsaKey, rsaKey.with("alg", "PS256"), ecJWK(f, "rsa", newEC(f, elliptic.P521()))))
	f.Add(document(f, rsaKey.with("use", "enc"), rsaKey.with("key_ops", []string{"verify"}), jwk{"kid": "o", "kty": "oct", "k": "AA"}))
	f.Add(`{"keys":[{"kid":"a","kty":"EC","crv":"P-384","x":"AA","y":"AA"},null,[],1]}`)
	f.Add(`{"keys":null}`)
	f.Add(`{"keys":[{"kid":"a","kid":"b"},{"kty":"EC","k\u0074y":"EC"}],"keys":[]}`)
	name := filepath.Join(f.TempDir(), "keys.json")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := issuerAt("")
		cfg.JWKS.File = name
		set, err := issuer.NewSet(configOf(cfg), issuer.Options{})
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") || len(err.Error()) > 5000 {
				t.Fatalf("the error shows the input: %.1000q", err)
			}
			return
		}
		defer set.Close()
		i := set.All()[0]
		stats := i.Stats()
		if len(stats.Keys) == 0 || len(stats.Keys) > 100 {
			t.Fatalf("%d keys, %d skipped", len(stats.Keys), len(stats.Skipped))
		}
		for _, held := range stats.Keys {
			for _, alg := range config.Algorithms() {
				key, err := i.Key(t.Context(), held.KID, alg)
				if err == nil && !fit(key, alg) {
					t.Fatalf("kid %q: a %T for %s", held.KID, key, alg)
				}
			}
		}
	})
}

// A key of Microsoft Entra that says that it is of one tenant does not verify tokens of
// others. A key for all tenants, or without an issuer, does.
func TestKeysOfTenants(t *testing.T) {
	const template, tenant = "https://login.microsoftonline.com/{tenantid}/v2.0", "https://login.microsoftonline.com/t1/v2.0"
	keys := []any{
		edJWK("all", newEd(t)).with("issuer", template), edJWK("none", newEd(t)), edJWK("own", newEd(t)).with("issuer", tenant),
		edJWK("other", newEd(t)).with("issuer", "https://login.microsoftonline.com/t3/v2.0"), edJWK("number", newEd(t)).with("issuer", 7),
		edJWK("null", newEd(t)).with("issuer", json.RawMessage("null")),
	}
	content, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		tenants map[string]string
		used    []string
	}{
		{"no tenants", nil, []string{"all", "none", "own", "other", "number", "null"}},
		{"one tenant", map[string]string{tenant: "t1", "https://sts.windows.net/t1/": "t1"}, []string{"all", "none", "own"}},
		{"two tenants", map[string]string{
			tenant: "t1", "https://sts.windows.net/t1/": "t1",
			"https://login.microsoftonline.com/t2/v2.0": "t2", "https://sts.windows.net/t2/": "t2",
		}, []string{"all", "none"}},
		{"any tenant", nil, []string{"all", "none"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := issuerOf(t, string(content))
			cfg.AnyTenant = row.name == "any tenant"
			if cfg.Tenants = row.tenants; row.tenants != nil {
				cfg.Prefix, cfg.ISS = "e:{tenant}:", slices.Sorted(maps.Keys(row.tenants))
			}
			i := only(t, newSet(t, issuer.Options{}, cfg))
			for _, kid := range []string{"all", "none", "own", "other", "number", "null"} {
				var wrong error
				if !slices.Contains(row.used, kid) {
					wrong = issuer.ErrKeyUnfit
				}
				want(t, i, kid, "EdDSA", wrong)
			}
		})
	}
}
