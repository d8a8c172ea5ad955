package devidp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

// at is the time of the tests' clocks.
var at = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func clock() time.Time { return at }

// published fetches the key set.
func published(t *testing.T, i *devidp.Issuer) []map[string]string {
	t.Helper()
	status, set := fetch[struct {
		Keys []map[string]string `json:"keys"`
	}](t, i.JWKSURL())
	if status != http.StatusOK {
		t.Fatalf("the key set answers %d", status)
	}
	return set.Keys
}

// publicKey decodes one published key (RFC 7518 section 6, RFC 8037).
func publicKey(t *testing.T, jwk map[string]string) crypto.PublicKey {
	t.Helper()
	decode := func(member string) []byte {
		data, err := base64.RawURLEncoding.DecodeString(jwk[member])
		if err != nil || len(data) == 0 {
			t.Fatalf("member %q of %v: %v", member, jwk, err)
		}
		return data
	}
	switch jwk["kty"] {
	case "RSA":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(decode("n")), E: int(new(big.Int).SetBytes(decode("e")).Int64())}
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[jwk["crv"]]
		public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, decode("x"), decode("y")))
		if err != nil {
			t.Fatal(err)
		}
		return public
	case "OKP":
		return ed25519.PublicKey(decode("x"))
	}
	t.Fatalf("key of unknown kind %v", jwk)
	return nil
}

// verify verifies a token with the issuer's published keys.
func verify(t *testing.T, i *devidp.Issuer, token string) (*jwt.Token, error) {
	t.Helper()
	keys := published(t, i)
	return jwt.Parse(token, func(token *jwt.Token) (any, error) {
		for _, jwk := range keys {
			if jwk["kid"] == token.Header["kid"] && jwk["alg"] == token.Header["alg"] {
				return publicKey(t, jwk), nil
			}
		}
		return nil, fmt.Errorf("key %v is not published", token.Header["kid"])
	}, jwt.WithTimeFunc(clock))
}

// part decodes one part of a token, without verification.
func part(t *testing.T, token string, n int) map[string]any {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func mint(t *testing.T, i *devidp.Issuer, claims map[string]any, ttl time.Duration) string {
	t.Helper()
	token, err := i.Mint(claims, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestEveryAlgorithmVerifies(t *testing.T) {
	s := start(t, devidp.Config{Now: clock})
	for _, row := range []struct {
		alg, kty, crv string
		bits          int // of an RSA modulus
	}{
		{alg: "RS256", kty: "RSA", bits: 2048}, {alg: "RS384", kty: "RSA", bits: 2048}, {alg: "RS512", kty: "RSA", bits: 2048},
		{alg: "PS256", kty: "RSA", bits: 2048}, {alg: "PS384", kty: "RSA", bits: 2048}, {alg: "PS512", kty: "RSA", bits: 2048},
		{alg: "ES256", kty: "EC", crv: "P-256"}, {alg: "ES384", kty: "EC", crv: "P-384"}, {alg: "ES512", kty: "EC", crv: "P-521"},
		{alg: "EdDSA", kty: "OKP", crv: "Ed25519"},
	} {
		t.Run(row.alg, func(t *testing.T) {
			i := add(t, s, row.alg, devidp.IssuerConfig{Algorithm: row.alg})
			token := mint(t, i, map[string]any{"sub": "andrew"}, 0)
			if _, err := verify(t, i, token); err != nil {
				t.Error(err)
			}
			if header := part(t, token, 0); header["alg"] != row.alg || header["kid"] != i.KeyID() {
				t.Errorf("header %v, want %s by %q", header, row.alg, i.KeyID())
			}
			jwk := published(t, i)[0]
			if jwk["kty"] != row.kty || jwk["crv"] != row.crv || jwk["use"] != "sig" {
				t.Errorf("published as %v, want kty %q crv %q for signatures", jwk, row.kty, row.crv)
			}
			if public, ok := publicKey(t, jwk).(*rsa.PublicKey); ok && public.N.BitLen() != row.bits {
				t.Errorf("%d bits, want %d", public.N.BitLen(), row.bits)
			}
		})
	}
}

func TestKeySetHoldsNoPrivatePart(t *testing.T) {
	s := start(t, devidp.Config{})
	public := map[string][]string{
		"RS256": {"alg", "e", "kid", "kty", "n", "use"},
		"ES256": {"alg", "crv", "kid", "kty", "use", "x", "y"},
		"EdDSA": {"alg", "crv", "kid", "kty", "use", "x"},
	}
	for alg, want := range public {
		t.Run(alg, func(t *testing.T) {
			i := add(t, s, alg, devidp.IssuerConfig{Algorithm: alg})
			if got := slices.Sorted(maps.Keys(published(t, i)[0])); !slices.Equal(got, want) {
				t.Errorf("members %q, want %q", got, want)
			}
		})
	}
}

func TestMintFillsAndRemoves(t *testing.T) {
	s := start(t, devidp.Config{Now: clock})
	plain := add(t, s, "plain", devidp.IssuerConfig{Algorithm: "EdDSA"})
	cognito := add(t, s, "cognito", devidp.IssuerConfig{
		Algorithm: "EdDSA",
		ISS:       "https://login.example/",
		Defaults: func(asked map[string]any) map[string]any {
			if asked["token_use"] == "id" {
				return map[string]any{"aud": "web", "iat": 1}
			}
			return map[string]any{"token_use": "access", "client_id": "web"}
		},
	})
	now := float64(at.Unix())
	for _, row := range []struct {
		name   string
		issuer *devidp.Issuer
		claims map[string]any
		ttl    time.Duration
		want   map[string]any
	}{
		{"no claims", plain, nil, 0,
			map[string]any{"iss": plain.URL(), "iat": now, "exp": now + 3600}},
		{"a ttl", plain, map[string]any{"sub": "andrew"}, time.Minute,
			map[string]any{"iss": plain.URL(), "iat": now, "exp": now + 60, "sub": "andrew"}},
		{"expired a minute ago", plain, nil, -time.Minute,
			map[string]any{"iss": plain.URL(), "iat": now - 60 - 3600, "exp": now - 60}},
		{"requested claims", plain, map[string]any{"iss": "other", "iat": 1, "exp": 2}, time.Minute,
			map[string]any{"iss": "other", "iat": 1.0, "exp": 2.0}},
		{"removed", plain, map[string]any{"iss": nil, "iat": nil, "exp": nil, "sub": nil}, time.Minute,
			map[string]any{}},
		{"defaults", cognito, nil, 0,
			map[string]any{"iss": "https://login.example/", "iat": now, "exp": now + 3600, "token_use": "access", "client_id": "web"}},
		{"defaults that depend on the requested claims", cognito, map[string]any{"token_use": "id"}, 0,
			map[string]any{"iss": "https://login.example/", "iat": 1.0, "exp": now + 3600, "token_use": "id", "aud": "web"}},
		{"a default removed", cognito, map[string]any{"client_id": nil}, 0,
			map[string]any{"iss": "https://login.example/", "iat": now, "exp": now + 3600, "token_use": "access"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := part(t, mint(t, row.issuer, row.claims, row.ttl), 1); !maps.Equal(got, row.want) {
				t.Errorf("claims %v, want %v", got, row.want)
			}
		})
	}
}

func TestSignWritesItsArguments(t *testing.T) {
	s := start(t, devidp.Config{Now: clock})
	i := add(t, s, "cruddur", devidp.IssuerConfig{})
	typed := add(t, s, "typed", devidp.IssuerConfig{KeysOf: i, Type: "at+jwt"})
	for _, row := range []struct {
		name   string
		header map[string]any
		claims map[string]any
		want   map[string]any
	}{
		{"an ordinary header", nil, map[string]any{"sub": "andrew"},
			map[string]any{"alg": "RS256", "kid": i.KeyID(), "typ": "JWT"}},
		{"a header with wrong values", map[string]any{"alg": "none", "kid": "other", "typ": "at+jwt"}, nil,
			map[string]any{"alg": "none", "kid": "other", "typ": "at+jwt"}},
		{"a header with less and more", map[string]any{"typ": nil, "kid": nil, "b64": false}, nil,
			map[string]any{"alg": "RS256", "b64": false}},
	} {
		t.Run(row.name, func(t *testing.T) {
			token, err := i.Sign(row.header, row.claims)
			if err != nil {
				t.Fatal(err)
			}
			if got := part(t, token, 0); !maps.Equal(got, row.want) {
				t.Errorf("header %v, want %v", got, row.want)
			}
			if got := part(t, token, 1); !maps.Equal(got, row.claims) {
				t.Errorf("claims %v, want exactly %v", got, row.claims)
			}
			signed, signature, _ := strings.Cut(token[strings.Index(token, ".")+1:], ".")
			raw, err := base64.RawURLEncoding.DecodeString(signature)
			if err != nil {
				t.Fatal(err)
			}
			text := token[:strings.Index(token, ".")+1] + signed
			if err := jwt.SigningMethodRS256.Verify(text, raw, publicKey(t, published(t, i)[0])); err != nil {
				t.Errorf("the signature is not RS256 by the published key: %v", err)
			}
		})
	}
	if got := part(t, mint(t, typed, nil, 0), 0)["typ"]; got != "at+jwt" {
		t.Errorf("typ %q, want the issuer's own", got)
	}
	if _, err := i.Sign(nil, map[string]any{"f": func() {}}); err == nil || !strings.Contains(err.Error(), "claims as JSON") {
		t.Errorf("a claim that cannot be JSON: %v", err)
	}
}

func TestRotateReplacesTheSetAtOnce(t *testing.T) {
	s := start(t, devidp.Config{Now: clock})
	i := add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "ES256"})
	before := mint(t, i, nil, 0)
	if _, err := i.AddKey("RS256"); err != nil {
		t.Fatal(err)
	}
	kid, err := i.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	if got := i.KeyIDs(); i.KeyID() != kid || !slices.Equal(got, []string{kid}) {
		t.Errorf("signs with %q, publishes %q, want %q for both", i.KeyID(), got, kid)
	}
	if _, err := verify(t, i, before); err == nil || !strings.Contains(err.Error(), "is not published") {
		t.Errorf("a token of the old key: %v, want its key gone", err)
	}
	if _, err := verify(t, i, mint(t, i, nil, 0)); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
}

func TestAnnouncedRotation(t *testing.T) {
	s := start(t, devidp.Config{Now: clock})
	i := add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	old := i.KeyID()
	next, err := i.AddKey("")
	if err != nil {
		t.Fatal(err)
	}
	if i.KeyID() != old || !slices.Equal(i.KeyIDs(), []string{old, next}) {
		t.Fatalf("published: signs with %q of %q, want %q of both", i.KeyID(), i.KeyIDs(), old)
	}
	if err := i.UseKey(next); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, i, mint(t, i, nil, 0)); err != nil || i.KeyID() != next {
		t.Errorf("in use: signs with %q, want %q: %v", i.KeyID(), next, err)
	}
	if err := i.RemoveKey(old); err != nil {
		t.Fatal(err)
	}
	if got := published(t, i); len(got) != 1 || got[0]["kid"] != next {
		t.Errorf("withdrawn: the set is %v, want only %q", got, next)
	}
	if err := i.UseKey(old); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, i, mint(t, i, nil, 0)); err == nil || !strings.Contains(err.Error(), "is not published") {
		t.Errorf("a token of the withdrawn key: %v, want its key gone", err)
	}
}

func TestUnknownKeysAndAlgorithms(t *testing.T) {
	s := start(t, devidp.Config{})
	i := add(t, s, "cruddur", devidp.IssuerConfig{Algorithm: "EdDSA"})
	if err := i.UseKey("nobody"); err == nil || err.Error() != `no key with id "nobody"` {
		t.Errorf("use: %v", err)
	}
	if err := i.RemoveKey("nobody"); err == nil || err.Error() != `no published key with id "nobody"` {
		t.Errorf("remove: %v", err)
	}
	if _, err := i.AddKey("HS256"); err == nil || !strings.Contains(err.Error(), `unsupported algorithm "HS256"`) {
		t.Errorf("add: %v", err)
	}
	if err := i.RemoveKey(i.KeyID()); err != nil {
		t.Fatal(err)
	}
	if got := published(t, i); got == nil || len(got) != 0 {
		t.Errorf("the empty set is %v, want an empty array", got)
	}
}

func TestIssuersMayShareKeys(t *testing.T) {
	s := start(t, devidp.Config{Now: clock})
	one := add(t, s, "one", devidp.IssuerConfig{Algorithm: "EdDSA"})
	two := add(t, s, "two", devidp.IssuerConfig{KeysOf: one})
	apart := add(t, s, "apart", devidp.IssuerConfig{Algorithm: "EdDSA"})
	token := mint(t, two, nil, 0)
	if _, err := verify(t, one, token); err != nil {
		t.Errorf("a token of the issuer with the same keys: %v", err)
	}
	if got := part(t, token, 1)["iss"]; got != two.ISS() || got == one.ISS() {
		t.Errorf("iss %q, want %q", got, two.ISS())
	}
	if _, err := verify(t, apart, token); err == nil {
		t.Error("an issuer with other keys verifies the token")
	}
	if kid, err := one.Rotate(); err != nil || two.KeyID() != kid {
		t.Errorf("after the rotation of one, the other signs with %q, want %q (%v)", two.KeyID(), kid, err)
	}
}
