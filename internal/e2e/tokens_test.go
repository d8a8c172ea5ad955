package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/devidp"
)

// badTokens returns tokens that must get 401 invalid_token, each with its reason.
func badTokens(t *testing.T, i issuers) []denial {
	t.Helper()
	var rows []denial
	refuse := func(name, token, reason string) {
		rows = append(rows, denial{
			name: name, call: call{line: "GET /api/messages", headers: []string{"authorization: Bearer " + token}},
			wantStatus: 401, wantReason: reason, wantChallenge: invalidToken,
		})
	}
	now := time.Now()
	good := mint(t, i.cruddur, access(nil))
	parts := strings.Split(good, ".")
	generic := map[string]any{"sub": "p1", "aud": "orders-api"}

	refuse("the word null", "null", "token_malformed")
	refuse("the word undefined", "undefined", "token_malformed")
	refuse("two parts", parts[0]+"."+parts[1], "token_malformed")
	refuse("four parts", good+".a", "token_malformed")
	refuse("padding", good+"=", "token_malformed")
	refuse("a space inside", parts[0]+". "+parts[1]+"."+parts[2], "token_malformed")
	refuse("header of no JSON", "eyJh."+parts[1]+"."+parts[2], "token_malformed")
	refuse("longer than tokens.max_bytes", mint(t, i.cruddur, access(map[string]any{"a": strings.Repeat("a", 12000)})), "token_too_large")

	refuse("alg none", sign(t, i.cruddur, map[string]any{"alg": "none"}), "alg_not_allowed")
	refuse("alg none without a signature", unsigned(`{"alg":"none","kid":"a"}`, parts[1]), "alg_not_allowed")
	refuse("HS256 with the public key", hmacWithPublicKey(t, i.cruddur, parts[1]), "alg_not_allowed")
	refuse("another issuer's algorithm", sign(t, i.cruddur, map[string]any{"alg": "ES256"}), "alg_not_allowed")
	refuse("no alg", sign(t, i.cruddur, map[string]any{"alg": nil}), "alg_not_allowed")
	refuse("crit", sign(t, i.cruddur, map[string]any{"crit": []string{"exp"}}), "header_not_allowed")
	refuse("another type", sign(t, i.cruddur, map[string]any{"typ": "dpop+jwt"}), "type_not_allowed")
	refuse("an empty kid", sign(t, i.cruddur, map[string]any{"kid": ""}), "kid_missing")
	refuse("a kid that nobody has", sign(t, i.cruddur, map[string]any{"kid": "nobody"}), "key_unknown")

	refuse("another pool under the same key", mint(t, i.foreign, access(nil)), "issuer_unknown")
	refuse("an issuer that differs by a slash", mint(t, i.cruddur, access(map[string]any{"iss": i.cruddur.ISS() + "/"})), "issuer_unknown")
	refuse("no issuer", mint(t, i.cruddur, access(map[string]any{"iss": nil})), "issuer_unknown")
	refuse("signed by another issuer's key", mint(t, i.partner, merged(map[string]any{"iss": i.cruddur.ISS()}, access(nil))),
		"alg_not_allowed")
	refuse("tampered claims", parts[0]+"."+swap(t, parts[1], "ann", "eve")+"."+parts[2], "signature_invalid")
	refuse("tampered signature", parts[0]+"."+parts[1]+"."+flip(parts[2]), "signature_invalid")

	refuse("no exp", mint(t, i.cruddur, access(map[string]any{"exp": nil})), "expiry_missing")
	refuse("exp as text", mint(t, i.cruddur, access(map[string]any{"exp": "soon"})), "claims_malformed")
	refuse("expired", mintFor(t, i.cruddur, access(nil), -time.Minute), "expired")
	refuse("not yet valid", mint(t, i.cruddur, access(map[string]any{"nbf": now.Add(time.Hour).Unix()})), "not_yet_valid")
	refuse("issued in the future", mint(t, i.cruddur, access(map[string]any{"iat": now.Add(time.Hour).Unix()})), "issued_in_future")

	refuse("another client's access token", mint(t, i.cruddur, access(map[string]any{"client_id": "other"})), "client_mismatch")
	refuse("another client's ID token", mint(t, i.cruddur, id(map[string]any{"aud": "other"})), "client_mismatch")
	refuse("an access token with the client in aud alone",
		mint(t, i.cruddur, access(map[string]any{"client_id": nil, "aud": "3v5exampleclient"})), "client_mismatch")
	refuse("another audience", mint(t, i.partner, merged(map[string]any{"aud": "billing-api"}, map[string]any{"sub": "p1"})),
		"audience_mismatch")
	refuse("no audience", mint(t, i.partner, map[string]any{"sub": "p1"}), "audience_mismatch")
	refuse("an ID token where access is due", mint(t, i.strict, id(nil)), "token_use_mismatch")
	refuse("an access token where an ID token is due", mint(t, i.idonly, access(nil)), "token_use_mismatch")
	refuse("no token_use", mint(t, i.cruddur, access(map[string]any{"token_use": nil})), "token_use_mismatch")
	refuse("no subject", mint(t, i.partner, map[string]any{"aud": "orders-api"}), "subject_missing")
	refuse("a subject that is no text", mint(t, i.partner, merged(map[string]any{"sub": 7}, map[string]any{"aud": generic["aud"]})),
		"subject_missing")
	return rows
}

// sign signs valid access claims with a changed header.
func sign(t *testing.T, issuer *devidp.Issuer, header map[string]any) string {
	t.Helper()
	now := time.Now()
	token, err := issuer.Sign(header, access(map[string]any{
		"iss": issuer.ISS(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// unsigned returns a token with an empty signature.
func unsigned(header, claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + claims + "."
}

// hmacWithPublicKey signs claims with the issuer's public modulus as an HMAC
// secret, which a verifier that believes the header's alg would accept.
func hmacWithPublicKey(t *testing.T, issuer *devidp.Issuer, claims string) string {
	t.Helper()
	response, err := http.Get(issuer.JWKSURL())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []struct{ Kid, N string }
	}
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("the key set is %s: %v", body, err)
	}
	secret, err := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	if err != nil {
		t.Fatal(err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"`+set.Keys[0].Kid+`"}`)) + "." + claims
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// swap replaces text inside a part of a token.
func swap(t *testing.T, part, old, replacement string) string {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || !strings.Contains(string(decoded), old) {
		t.Fatalf("a token part without %q: %v", old, err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(decoded), old, replacement, 1)))
}

// flip changes one bit in the middle of a signature.
func flip(part string) string {
	i := len(part) / 2
	changed := byte('A')
	if part[i] == 'A' {
		changed = 'B'
	}
	return part[:i] + string(changed) + part[i+1:]
}
