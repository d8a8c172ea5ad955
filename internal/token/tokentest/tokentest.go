// Package tokentest makes verified tokens for the tests of packages that receive them, and
// has a key source for the tests of packages that verify tokens.
//
// It signs claims with a fixed key and passes them to a real verifier, so a test cannot
// hold a token that the verifier would reject. It is never part of the program.
//
// Invariants:
//
//  1. A token comes from the verifier, with the claims that the test set (TestVerified).
package tokentest

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/signer"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Now is the time at which tokens are verified.
func Now() time.Time { return time.Date(2026, time.May, 17, 10, 0, 0, 0, time.UTC) }

// Verified signs these claims and verifies the token as one of the issuer
// https://NAME.example/, of which only the name and the prefix are used. Claims that are
// not set have the values of a plain token: subject alice, expiry in a minute.
func Verified(t testing.TB, issuer config.Issuer, claims map[string]any) *token.Token {
	t.Helper()
	url := "https://" + issuer.Name + ".example/"
	all := map[string]any{"iss": url, "aud": "shop", "sub": "alice", "exp": Now().Unix() + 60}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Key().Token(nil, json.RawMessage(payload))
	if err != nil {
		t.Fatal(err)
	}
	trusted := config.Issuer{
		Name: issuer.Name, Prefix: issuer.Prefix, ISS: []string{url}, TokenUse: []string{"access"}, Audiences: []string{"shop"},
		Algorithms: []string{"EdDSA"}, SubjectClaims: []string{"sub"}, ClientClaims: []string{"client_id", "azp"},
		GroupsClaim: []string{"groups"}, ScopesClaim: []string{"scope", "scp"},
	}
	verifier, err := token.NewVerifier([]config.Issuer{trusted}, 65536, nil, Keys)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := verifier.Verify(t.Context(), raw, Now())
	if err != nil {
		t.Fatal(err)
	}
	return verified
}

// Key returns the key with which these tokens are signed. It is the same in every process.
func Key() *signer.Key {
	return signer.With(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "EdDSA", "1")
}

// Keys returns a key source with that key.
func Keys(string) token.KeySource {
	return &Keyring{Keys: map[string]crypto.PublicKey{"1": Key().Public()}, Quiet: true}
}
