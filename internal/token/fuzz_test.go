package token_test

import (
	"crypto"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// fuzzIssuer returns an issuer whose key and tokens are the same in every process of a
// fuzzing run, so that inputs that one process finds are useful to the others.
func fuzzIssuer() (config.Issuer, *tokentest.Keyring, func(header, claims string) string) {
	key := deterministicKey('k')
	issuer := apiIssuer()
	issuer.Algorithms = []string{"EdDSA"}
	ring := &tokentest.Keyring{Keys: map[string]crypto.PublicKey{"1": key.Public()}}
	return issuer, ring, func(header, claims string) string { return forge.Mint("EdDSA", key, header, claims) }
}

const (
	fuzzHeader = `{"alg":"EdDSA","kid":"1"}`
	fuzzClaims = `{"iss":"https://api.example/","aud":"orders-api","sub":"alice","exp":1790000000,"iat":1778000000}`
)

// FuzzVerify: only a token that its issuer signed is accepted, and no byte of it can be
// changed. Every other input is a failure with a short, printable text.
func FuzzVerify(f *testing.F) {
	issuer, ring, signed := fuzzIssuer()
	minted := []string{
		signed(fuzzHeader, fuzzClaims),
		signed(`{"alg":"EdDSA","kid":"1","typ":"at+jwt"}`, fuzzClaims),
		signed(fuzzHeader, `{"iss":"https://api.example/","aud":["orders-api"],"sub":"bob","exp":1790000000,"groups":["admin"]}`),
	}
	for _, raw := range minted {
		f.Add(raw)
		parts := strings.Split(raw, ".")
		f.Add(parts[0] + "." + parts[1] + ".")
		f.Add(raw + "\n")
		f.Add(raw[:len(raw)-1] + "A")
		f.Add(forge.Encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".")
		f.Add(parts[0] + "." + forge.Encode([]byte(`{"iss":"https://api.example/"}`)) + "." + parts[2])
	}
	f.Add("..")
	f.Add("")
	f.Fuzz(func(t *testing.T, raw string) {
		verifier := newVerifier(t, []config.Issuer{issuer}, ring)
		got, err := verifier.Verify(t.Context(), raw, now)
		if err == nil {
			if !slices.Contains(minted, raw) {
				t.Fatalf("accepted, but the issuer did not sign it: %q", raw)
			}
			return
		}
		var failure *denial.Error
		if got != nil || !errors.As(err, &failure) {
			t.Fatalf("got %v and %T", got, err)
		}
		fitForALog(t, err.Error())
	})
}

// FuzzVerifyClaims: claims that are accepted are also valid when encoding/json parses them.
// Signed claims that are rejected are rejected for their content.
func FuzzVerifyClaims(f *testing.F) {
	issuer, ring, signed := fuzzIssuer()
	f.Add(fuzzClaims)
	for _, c := range []string{
		`"exp":1`, `"exp":1e300`, `"nbf":1790000000`, `"nbf":0`, `"iat":0`, `"iat":-1`, `"iat":null`,
		`"sub":""`, `"sub":null`, `"aud":["x","orders-api"]`, `"aud":5`,
		`"sub":"mallory","sub":"alice"`, `"iss":"https://api.example"`, `"SUB":"x"`, `"azp":7`,
	} {
		f.Add(strings.TrimSuffix(fuzzClaims, "}") + "," + c + "}")
		name, _, _ := strings.Cut(c, ":")
		f.Add(strings.Replace(fuzzClaims, name, c+`,"was"`, 1))
	}
	f.Fuzz(func(t *testing.T, claims string) {
		verifier := newVerifier(t, []config.Issuer{issuer}, ring)
		got, err := verifier.Verify(t.Context(), signed(fuzzHeader, claims), now)
		if err != nil {
			for _, impossible := range []error{
				token.ErrSignatureInvalid, tokentest.ErrKeyUnknown, tokentest.ErrKeyUnfit, token.ErrKIDMissing, token.ErrAlgNotAllowed,
			} {
				if errors.Is(err, impossible) {
					t.Fatalf("the signature is valid: %v", err)
				}
			}
			fitForALog(t, err.Error())
			return
		}
		var read map[string]any
		if err := json.Unmarshal([]byte(claims), &read); err != nil {
			t.Fatalf("accepted, but encoding/json rejects it: %v", err)
		}
		soon := float64(now.Unix()) + 30
		exp, _ := read["exp"].(float64)
		switch {
		case read["iss"] != "https://api.example/", read["sub"] != got.Subject, read["sub"] == "":
			t.Fatalf("iss %v, sub %v, token %+v", read["iss"], read["sub"], got)
		case !strings.Contains(string(must(json.Marshal(read["aud"]))), `"orders-api"`):
			t.Fatalf("aud %v", read["aud"])
		case exp <= float64(now.Unix())-30 || exp > 253402300799:
			t.Fatalf("exp %v", read["exp"])
		}
		for _, date := range []any{read["nbf"], read["iat"]} {
			if at, isNumber := date.(float64); date != nil && (!isNumber || at < 0 || at > soon) {
				t.Fatalf("nbf %v, iat %v", read["nbf"], read["iat"])
			}
		}
	})
}
