package token_test

import (
	"crypto/ed25519"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"encoding/json"
	"strings"

	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// mintRS256 returns a valid token of [apiIssuer] with more claims, signed with the key
// "rsa-2048"; nil removes a claim.
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
	return forge.Mint("RS256", forge.Keys()["rsa-2048"], `{"alg":"RS256","kid":"rsa-2048","typ":"JWT"}`, string(must(json.Marshal(claims))))
}

// deterministicKey returns the same private key in every process of a fuzzing run.
func deterministicKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
}
