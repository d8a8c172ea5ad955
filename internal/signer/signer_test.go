package signer_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/token"
)

func newKey(t *testing.T, alg string) *signer.Key {
	t.Helper()
	key, err := signer.New(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// verify verifies a token with the gate's own verifier, which has the key set of the
// key from a file.
func verify(t *testing.T, key *signer.Key, raw string) (*token.Token, error) {
	t.Helper()
	set, err := signer.KeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := testutil.Files(t, map[string]string{"keys.json": string(set), "gate.yaml": "issuers: {home: {issuer: https://home.example/, " +
		"audiences: [shop], algorithms: [" + key.Alg + `], prefix: "", jwks: {file: keys.json}}}` + "\n"})
	cfg, err := config.Load(dir+"/gate.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	issuers, err := issuer.NewSet(cfg, issuer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuers.Close)
	keys := func(string) token.KeySource { return issuers.All()[0] }
	verifier, err := token.NewVerifier(cfg.Issuers, 1<<20, nil, keys)
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Verify(t.Context(), raw, time.Now())
}

func claims() map[string]any {
	return map[string]any{"iss": "https://home.example/", "aud": "shop", "sub": "alice", "exp": time.Now().Unix() + 60}
}

// part decodes one part of a token.
func part(t *testing.T, raw string, n int) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// TestEveryAlgorithm: the gate accepts a token of every algorithm that can be
// configured, by the key that is published.
func TestEveryAlgorithm(t *testing.T) {
	for _, alg := range config.Algorithms() {
		t.Run(alg, func(t *testing.T) {
			key := newKey(t, alg)
			raw, err := key.Token(nil, claims())
			if err != nil {
				t.Fatal(err)
			}
			got, err := verify(t, key, raw)
			if err != nil || got.Subject != "alice" || got.Algorithm != alg || got.KeyID != key.ID {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, alg := range []string{"", "none", "HS256", "ES256K", "RS1", "eddsa"} {
		if key, err := signer.New(alg); err == nil || !strings.Contains(err.Error(), "unsupported algorithm") {
			t.Errorf("%q: %v, %v", alg, key, err)
		}
	}
}

// TestToken: the header is what the caller wants, and the signature is that of the key.
func TestToken(t *testing.T) {
	key := newKey(t, "EdDSA")
	for name, row := range map[string]struct{ header, want map[string]any }{
		"none":      {nil, map[string]any{"alg": "EdDSA", "kid": key.ID}},
		"more":      {map[string]any{"typ": "at+jwt"}, map[string]any{"alg": "EdDSA", "kid": key.ID, "typ": "at+jwt"}},
		"less":      {map[string]any{"kid": nil, "typ": nil}, map[string]any{"alg": "EdDSA"}},
		"one lies":  {map[string]any{"alg": "RS256", "kid": "x"}, map[string]any{"alg": "RS256", "kid": "x"}},
		"no header": {map[string]any{"alg": nil, "kid": nil}, map[string]any{}},
	} {
		raw, err := key.Token(row.header, json.RawMessage(`{"sub": "alice", "sub": 1.50}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := part(t, raw, 0); !maps.Equal(got, row.want) {
			t.Errorf("%s: header %v, want %v", name, got, row.want)
		}
		parts := strings.Split(raw, ".")
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || string(text) != `{"sub":"alice","sub":1.50}` {
			t.Errorf("%s: claims %s, %v", name, text, err)
		}
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(parts[0]+"."+parts[1]), signature) {
			t.Errorf("%s: the signature is not by the key, %v", name, err)
		}
	}
	if _, err := key.Token(map[string]any{"x": func() {}}, nil); err == nil || !strings.Contains(err.Error(), "header as JSON") {
		t.Errorf("a header that is not JSON: %v", err)
	}
	if _, err := key.Token(nil, func() {}); err == nil || !strings.Contains(err.Error(), "claims as JSON") {
		t.Errorf("claims that are not JSON: %v", err)
	}
	wrong := signer.With(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "RS256", "1")
	if _, err := wrong.Token(nil, claims()); err == nil || !strings.Contains(err.Error(), "sign with RS256") {
		t.Errorf("a key of another kind: %v", err)
	}
}

func TestKeySet(t *testing.T) {
	keys := []*signer.Key{newKey(t, "RS256"), newKey(t, "ES384"), newKey(t, "EdDSA")}
	text, err := signer.KeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != len(keys) {
		t.Fatalf("%s: %v", text, err)
	}
	for i, members := range []string{"alg e kid kty n use", "alg crv kid kty use x y", "alg crv kid kty use x"} {
		jwk := set.Keys[i]
		if got := strings.Join(slices.Sorted(maps.Keys(jwk)), " "); got != members || jwk["kid"] != keys[i].ID || jwk["alg"] != keys[i].Alg {
			t.Errorf("%v; expected the members %s", jwk, members)
		}
	}
	if text, err := signer.KeySet(); err != nil || string(text) != `{"keys":[]}` {
		t.Errorf("the empty set is %s, %v", text, err)
	}
	if _, err := signer.KeySet(signer.With(foreign{}, "RS256", "1")); err == nil || !strings.Contains(err.Error(), "as a JWK") {
		t.Errorf("a key of no kind: %v", err)
	}
}

// foreign is a key of a kind that has no JWK.
type foreign struct{ crypto.Signer }

func (foreign) Public() crypto.PublicKey { return "public" }
