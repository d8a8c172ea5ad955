package token_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
)

// longestError is the maximum length of an error, since errors are logged.
const longestError = 400

// fitForALog fails the test unless the text of an error is short and printable ASCII.
func fitForALog(t *testing.T, text string) {
	t.Helper()
	if len(text) > longestError {
		t.Errorf("got %d bytes of text: %q", len(text), text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		t.Errorf("got text that is not printable ASCII: %q", text)
	}
}

// The error of an attack contains no part of the token, is short, and is printable ASCII.
func TestFailuresHoldNoSecrets(t *testing.T) {
	hostile := func(v forge.Vector) bool { return v.Want != "valid" }
	eachVector(t, hostile, func(t *testing.T, _ forge.Vector, raw string) {
		verifier, _ := corpusVerifier(t)
		_, err := verifier.Verify(t.Context(), raw, now)
		var failure *denial.Error
		if !errors.As(err, &failure) || len(failure.KeyID) > quote.Max {
			t.Fatalf("%v, with a key id that is not cut", err)
		}
		for _, said := range []string{err.Error(), failure.Hint()} {
			fitForALog(t, said)
			for _, part := range strings.Split(raw, ".") {
				if len(part) > 24 && strings.Contains(said, part[:24]) {
					t.Errorf("%q contains a part of the token", said)
				}
			}
		}
	})
}

// An error contains no claims except those that the package comment lists, not even the
// claim that is invalid.
func TestFailuresHoldNoClaims(t *testing.T) {
	const canary = "canary-5e1f"
	for _, row := range []struct {
		name, base string
		claims     map[string]string
		want       string
	}{
		{"audience", "api", map[string]string{"aud": `"x"`}, "audience_mismatch"},
		{"audience in a list", "api", map[string]string{"aud": `["canary-5e1f",5]`}, "claims_malformed"},
		{"client", "web", map[string]string{"client_id": `"x"`}, "client_mismatch"},
		{"client that is not a string", "web", map[string]string{"client_id": `["canary-5e1f"]`}, "claims_malformed"},
		{"authorized party", "web", map[string]string{"azp": `"x"`}, "client_mismatch"},
		{"client of a Cognito ID token", "pool id", map[string]string{"aud": `"x"`}, "client_mismatch"},
		{"kind", "pool access", map[string]string{"token_use": `"x"`}, "token_use_mismatch"},
		{"kind that is not a string", "pool access", map[string]string{"token_use": `["canary-5e1f"]`}, "token_use_mismatch"},
		{"nonce", "api", map[string]string{"nonce": `"canary-5e1f"`}, "token_use_mismatch"},
		{"expiry", "api", map[string]string{"exp": `"canary-5e1f"`}, "claims_malformed"},
		{"expired", "api", map[string]string{"exp": "1"}, "expired"},
		{"subject that is not a string", "api", map[string]string{"sub": `["canary-5e1f"]`}, "subject_missing"},
		{"username that begins with a prefix", "api", map[string]string{"username": `"partner:canary-5e1f"`}, "claims_malformed"},
		{"group that begins with a prefix", "api", map[string]string{"groups": `["partner:canary-5e1f"]`}, "claims_malformed"},
		{"duplicate name", "api", map[string]string{"x": `{"canary-5e1f":1,"canary-5e1f":2}`}, "claims_malformed"},
		{"issuer", "api", map[string]string{"iss": `"https://api.example"`}, "issuer_unknown"},
		{"revoked", "api", map[string]string{"sub": `"gone"`}, "token_revoked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := forge.Vector{Base: row.base, Claims: make(map[string]json.RawMessage)}
			for _, name := range []string{"email", "jti", "origin_jti", "name", "scope", canary} {
				v.Claims[name] = json.RawMessage(`"canary-5e1f"`)
			}
			for name, value := range row.claims {
				v.Claims[name] = json.RawMessage(value)
			}
			verifier, _ := corpusVerifier(t)
			verifier.SetRevocations(revocations(t, `{"issuer":"api","sub":"gone"}`))
			_, err := verifier.Verify(t.Context(), v.Forge(t, now), now)
			failure := refusal(t, err, reasons()[row.want])
			if said := err.Error() + failure.Internal + failure.Hint(); strings.Contains(said, canary) {
				t.Errorf("%q contains a claim", said)
			}
		})
	}
}

// The error of an attack contains no claims that the attacker chooses. Most attacks fail
// before the signature is verified.
func TestFailuresOfAttacksHoldNoClaims(t *testing.T) {
	const canary = "canary-5e1f"
	hostile := func(v forge.Vector) bool { return v.Want != "valid" }
	eachVector(t, hostile, func(t *testing.T, v forge.Vector, _ string) {
		claims := make(map[string]json.RawMessage)
		for _, name := range []string{"email", "jti", "origin_jti", "name", "scope", canary} {
			claims[name] = json.RawMessage(`"` + canary + `"`)
		}
		maps.Copy(claims, v.Claims)
		v.Claims = claims
		verifier, _ := corpusVerifier(t)
		_, err := verifier.Verify(t.Context(), v.Forge(t, now), now)
		failure := refusal(t, err, reasons()[v.Want])
		if said := err.Error() + failure.Hint() + failure.KeyID; strings.Contains(said, canary) {
			t.Errorf("got %q; expected no claim in it", said)
		}
	})
}

// An error quotes and cuts the values of the token.
func TestFailureDetails(t *testing.T) {
	long := strings.Repeat("x", quote.Max+1)
	const ofAPI = ` of issuer "api"; expected one of "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384" and 2 more`
	for _, row := range []struct {
		name           string
		header, claims map[string]string
		text           string
	}{
		{"algorithm", map[string]string{"alg": `"no\nne"`}, nil, `algorithm not allowed: got alg "no\nne"` + ofAPI},
		{"algorithm, cut", map[string]string{"alg": `"` + long + `"`}, nil,
			`algorithm not allowed: got alg "` + long[:quote.Max] + `"...` + ofAPI},
		{"algorithm with other letters", map[string]string{"alg": `"ñone"`}, nil, `algorithm not allowed: got alg "\u00f1one"` + ofAPI},
		{"type", map[string]string{"typ": `"secevent+jwt"`}, nil, `token type not allowed: got typ "secevent+jwt"`},
		{"parameter", map[string]string{"crit": `["exp"]`}, nil, `header parameter not allowed: crit`},
		{"issuer", nil, map[string]string{"iss": `"https://evil.example/\u0000"`}, `issuer unknown: got iss "https://evil.example/\x00"`},
		{"issuer, cut", nil, map[string]string{"iss": `"` + long + `"`}, `issuer unknown: got iss "` + long[:quote.Max] + `"...`},
		{"expiry", nil, map[string]string{"exp": `1`}, `token expired: exp is 1970-01-01T00:00:01Z`},
		{"not before", nil, map[string]string{"nbf": `253402300799`}, `token not yet valid: nbf is 9999-12-31T23:59:59Z`},
		{"issued at", nil, map[string]string{"iat": `253402300799`}, `token issued in the future: iat is 9999-12-31T23:59:59Z`},
		{"time", nil, map[string]string{"nbf": `"1"`}, `claims malformed: nbf is a string; expected a number`},
		{"prefix", nil, map[string]string{"groups": `["partner:x"]`}, `claims malformed: "groups" begins with another issuer's prefix`},
		{"subject", nil, map[string]string{"sub": `5`}, `subject missing: sub is a number; expected a non-empty string`},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := forge.Vector{Header: make(map[string]json.RawMessage), Claims: make(map[string]json.RawMessage), Alg: "RS256"}
			for name, value := range row.header {
				v.Header[name] = json.RawMessage(value)
			}
			for name, value := range row.claims {
				v.Claims[name] = json.RawMessage(value)
			}
			verifier, _ := corpusVerifier(t)
			_, err := verifier.Verify(t.Context(), v.Forge(t, now), now)
			if err == nil || err.Error() != row.text {
				t.Errorf("got %v, want %s", err, row.text)
			}
		})
	}
}

// The detail of a lifetime that is too long has the lifetime, or why it is unknown.
func TestLifetimeDetails(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	for detail, v := range map[string]forge.Vector{
		"iat is missing":                  {Base: "brief", Drop: []string{"claims.iat"}},
		"got 1h0m1s; expected at most 1h": {Base: "brief", Claims: map[string]json.RawMessage{"exp": json.RawMessage(`"{{now+3601}}"`)}},
	} {
		_, err := verifier.Verify(t.Context(), v.Forge(t, now), now)
		if failure := refusal(t, err, token.ErrLifetimeTooLong); failure.Internal != detail {
			t.Errorf("%q, want %q", failure.Internal, detail)
		}
	}
}

// A failure has the issuer and the subject only if the signature is valid. It has the key ID
// of every header that has one.
func TestFailureNamesTheSubject(t *testing.T) {
	verifier, _ := corpusVerifier(t)
	expired := forge.Vector{Base: "partner", Claims: map[string]json.RawMessage{"exp": json.RawMessage("1")}}
	_, err := verifier.Verify(t.Context(), expired.Forge(t, now), now)
	failure := refusal(t, err, token.ErrExpired)
	if failure.Issuer != "partner" || failure.Subject != "partner:alice" || failure.KeyID != "rsa-2048" {
		t.Errorf("issuer %q, subject %q, key id %q", failure.Issuer, failure.Subject, failure.KeyID)
	}

	forged := forge.Vector{Base: "partner", Key: "attacker-rsa", Header: map[string]json.RawMessage{"kid": json.RawMessage(`"rsa-2048"`)}}
	_, err = verifier.Verify(t.Context(), forged.Forge(t, now), now)
	failure = refusal(t, err, token.ErrSignatureInvalid)
	if failure.Issuer != "" || failure.Subject != "" || failure.KeyID != "rsa-2048" {
		t.Errorf("issuer %q, subject %q, key id %q", failure.Issuer, failure.Subject, failure.KeyID)
	}
}
