package token_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/token"
	forge "github.com/jwtgate/jwtgate/internal/token/testdata"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
)

// diagnosis is a token that is rejected, and the details for operators.
type diagnosis struct {
	name, base string
	claims     map[string]string // they replace those of the base; an empty one is removed
	want       error
	near       denial.NearMiss
	detail     string
	hint       string
}

func (d diagnosis) check(t *testing.T) {
	v := forge.Vector{Base: d.base, Claims: make(map[string]json.RawMessage)}
	for name, value := range d.claims {
		if v.Claims[name] = json.RawMessage(value); value == "" {
			v.Claims[name] = json.RawMessage("null") // so that there is a claim to drop
			v.Drop = append(v.Drop, "claims."+name)
		}
	}
	verifier, _ := corpusVerifier(t)
	_, err := verifier.Verify(t.Context(), v.Forge(t, now), now)
	failure := refusal(t, err, d.want)
	if failure.Near != d.near || failure.Internal != d.detail || failure.Hint() != d.hint {
		t.Errorf("got near miss %q, detail and hint:\n%s\n%s\nwant %q:\n%s\n%s",
			failure.Near, failure.Internal, failure.Hint(), d.near, d.detail, d.hint)
	}
}

// TestSharedAudiencesAreNotSuggested: the hint for a token with an audience that is not of
// one application never adds it to the configuration, also if another issuer has it.
func TestSharedAudiencesAreNotSuggested(t *testing.T) {
	const (
		request  = `request a token for "orders-api"`
		keycloak = `add an audience mapper for this API to a client scope (Keycloak), so that aud contains "orders-api"`
	)
	for _, row := range []struct {
		iss  string
		aud  any
		hint string
	}{
		{"https://sso.example/realms/a", "account", keycloak},
		{"https://sso.example/realms/a", []string{"realm-management", "broker", "account"}, keycloak},
		{"https://sso.example/realms/a", []string{"account", "invoices"}, `add "invoices" to audiences of issuer "api", or ` + request},
		{"https://sso.example/a", "account", `"account" is an audience of issuer "other": add it to audiences of issuer "api", or ` + request},
		{"https://sts.windows.net/11111111-2222-4333-8444-555555555555/", "00000003-0000-0000-c000-000000000000",
			`request a token with a scope of this API (Entra: Expose an API), so that aud contains "orders-api"`},
		{"https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0", "https://graph.microsoft.com",
			`request a token with a scope of this API (Entra: Expose an API), so that aud contains "orders-api"`},
		{"https://a.okta.com/oauth2/default", "api://default", `request a token of an authorization server that has this API as its audience ` +
			`(Okta: Security, API), so that aud contains "orders-api"`},
		{"https://a.auth0.com/", "https://a.auth0.com/userinfo",
			`request a token with the identifier of this API as audience, so that aud contains "orders-api"`},
		{"https://a.auth0.com/", []string{"https://a.auth0.com/userinfo", "https://b.example"},
			`add "https://b.example" to audiences of issuer "api", or ` + request},
		{"https://a.okta.com", "https://a.okta.com", request},
		{"https://a.okta.com", "https://a.okta.com/", request},
		{"https://a.auth0.com/", "https://a.auth0.com", request},
		{"https://sso.example/realms/master", []string{"master-realm", "account"}, keycloak},
		{"https://sts.windows.net/11111111-2222-4333-8444-555555555555/", "https://vault.azure.net/",
			`request a token with a scope of this API (Entra: Expose an API), so that aud contains "orders-api"`},
	} {
		one, other := apiIssuer(), apiIssuer()
		one.ISS, one.Audiences, other.Name, other.ISS, other.Audiences = []string{row.iss}, []string{"orders-api"}, "other",
			[]string{"https://other.example"}, []string{"account", "api://default"}
		verifier := newVerifier(t, []config.Issuer{one, other}, &tokentest.Keyring{Keys: published()})
		_, err := verifier.Verify(t.Context(), mintRS256(map[string]any{"iss": row.iss, "aud": row.aud}), now)
		if failure := refusal(t, err, token.ErrAudienceMismatch); failure.Hint() != row.hint {
			t.Errorf("%s, %v: got hint %s; want %s", row.iss, row.aud, failure.Hint(), row.hint)
		}
	}
}

// TestAudienceDiagnosis checks the details of an audience mismatch.
func TestAudienceDiagnosis(t *testing.T) {
	const expected = `; expected one of "orders-api", "invoices-api"`
	const request = `request a token for one of "orders-api", "invoices-api"`
	const notID = `send the access token instead of the ID token, which is for the client "site"`
	long := strings.Repeat("x", quote.Max+1)
	for _, d := range []diagnosis{
		{name: "no aud", base: "api", claims: map[string]string{"aud": ""},
			detail: "aud is missing" + expected, hint: "configure the issuer to add the audience to aud: " + request},
		{name: "empty list", base: "api", claims: map[string]string{"aud": "[]"},
			detail: "aud is empty" + expected, hint: "configure the issuer to add the audience to aud: " + request},
		{name: "another", base: "partner", claims: map[string]string{"aud": `"other-api"`},
			detail: `got aud "other-api"; expected "orders-api"`,
			hint:   `add "other-api" to audiences of issuer "partner", or request a token for "orders-api"`},
		{name: "many, cut", base: "api", claims: map[string]string{"aud": `["` + long + `","\u0000","c","d","e","f","g","h","i","j"]`},
			detail: `got aud "` + long[:quote.Max] + `"..., "\x00", "c", "d", "e", "f", "g", "h" and 2 more` + expected,
			hint:   `add "c" to audiences of issuer "api", or ` + request},

		{name: "another issuer's", base: "partner", claims: map[string]string{"aud": `"invoices-api"`}, near: denial.NearOtherIssuersAudience,
			detail: `got aud "invoices-api"; expected "orders-api"`,
			hint:   `"invoices-api" is an audience of issuer "api": add it to audiences of issuer "partner", or request a token for "orders-api"`},
		{name: "another issuer's, second in a list", base: "partner", claims: map[string]string{"aud": `["x","invoices-api"]`},
			near:   denial.NearOtherIssuersAudience,
			detail: `got aud "x", "invoices-api"; expected "orders-api"`,
			hint:   `"invoices-api" is an audience of issuer "api": add it to audiences of issuer "partner", or request a token for "orders-api"`},
		{name: "another issuer's in upper case", base: "partner", claims: map[string]string{"aud": `"Invoices-API"`},
			detail: `got aud "Invoices-API"; expected "orders-api"`,
			hint:   `add "Invoices-API" to audiences of issuer "partner", or request a token for "orders-api"`},
		{name: "another issuer's client", base: "partner", claims: map[string]string{"aud": `"site"`},
			detail: `got aud "site"; expected "orders-api"`,
			hint:   `add "site" to audiences of issuer "partner", or request a token for "orders-api"`},
		{name: "another issuer's, after all that are compared", base: "partner",
			claims: map[string]string{"aud": `["a","b","c","d","e","f","g","h","invoices-api"]`},
			detail: `got aud "a", "b", "c", "d", "e", "f", "g", "h" and 1 more; expected "orders-api"`,
			hint:   `add "a" to audiences of issuer "partner", or request a token for "orders-api"`},

		{name: "the audience is its client_id", base: "api", claims: map[string]string{"aud": `"account"`, "client_id": `"orders-api"`},
			near:   denial.NearAudienceIsClient,
			detail: `got aud "account"` + expected + `; client_id is "orders-api"`,
			hint:   `"orders-api" is the token's client: put it in clients of issuer "api" instead of audiences, or ` + request},
		{name: "the audience is its azp, and there is no aud", base: "api", claims: map[string]string{"aud": "", "azp": `"invoices-api"`},
			near:   denial.NearAudienceIsClient,
			detail: `aud is missing` + expected + `; azp is "invoices-api"`,
			hint: `"invoices-api" is the token's client: put it in clients of issuer "api" instead of audiences, or ` +
				`configure the issuer to add the audience to aud: ` + request},
		{name: "an azp that is similar to the audience", base: "api", claims: map[string]string{"aud": `"account"`, "azp": `"orders-api2"`},
			detail: `got aud "account"` + expected, hint: `add "account" to audiences of issuer "api", or ` + request},
		{name: "the audience is its sub", base: "api", claims: map[string]string{"aud": `"account"`, "sub": `"orders-api"`},
			detail: `got aud "account"` + expected, hint: `add "account" to audiences of issuer "api", or ` + request},

		{name: "ID token", base: "api", claims: map[string]string{"aud": `"site"`, "azp": `"site"`, "at_hash": `"h"`}, near: denial.NearIDToken,
			detail: `got aud "site"` + expected, hint: notID},
		{name: "ID token without azp", base: "api", claims: map[string]string{"aud": `"site"`, "nonce": `"n"`}, near: denial.NearIDToken,
			detail: `got aud "site"` + expected, hint: notID},
		{name: "ID token for a configured client", base: "both", claims: map[string]string{"aud": `"site"`, "client_id": "", "c_hash": `"h"`},
			near:   denial.NearIDToken,
			detail: `got aud "site"; expected "orders-api"`, hint: notID},
		{name: "ID token for a client that is not configured", base: "both",
			claims: map[string]string{"aud": `"app"`, "client_id": "", "nonce": `"n"`},
			detail: `got aud "app"; expected "orders-api"`, hint: `add "app" to audiences of issuer "both", or request a token for "orders-api"`},
		{name: "access token with a nonce", base: "api", claims: map[string]string{"aud": `"account"`, "azp": `"site"`, "nonce": `"n"`},
			detail: `got aud "account"` + expected, hint: `add "account" to audiences of issuer "api", or ` + request},
		{name: "access token for its client", base: "api", claims: map[string]string{"aud": `"site"`, "azp": `"site"`},
			detail: `got aud "site"` + expected, hint: `add "site" to audiences of issuer "api", or ` + request},
		{name: "nonce and no aud", base: "api", claims: map[string]string{"aud": "", "nonce": `"n"`},
			detail: "aud is missing" + expected, hint: "configure the issuer to add the audience to aud: " + request},
	} {
		d.want = token.ErrAudienceMismatch
		t.Run(d.name, d.check)
	}
}

// TestClientDiagnosis checks the details of a client mismatch.
func TestClientDiagnosis(t *testing.T) {
	const expected = `; expected one of "site", "cli"`
	const request = `request a token as one of "site", "cli"`
	const poolExpected = `; expected one of "3v5site", "3v5mobile"`
	const poolRequest = `request a token as one of "3v5site", "3v5mobile"`
	claimOf := func(issuer string) string {
		return `list the claim that names the client in client_claims of issuer "` + issuer + `", or `
	}
	accessOnly := `"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AccessOnly"`
	for _, d := range []diagnosis{
		{name: "none", base: "web", claims: map[string]string{"client_id": ""},
			detail: "client_id, azp, cid and appid are missing" + expected, hint: claimOf("web") + request},
		{name: "none, and cid is a number", base: "web", claims: map[string]string{"client_id": "", "azp": "null", "cid": "7"},
			detail: "azp is null, cid is a number, client_id and appid are missing" + expected, hint: claimOf("web") + request},
		{name: "in appid", base: "web", claims: map[string]string{"client_id": "", "appid": `"app"`},
			detail: `got appid "app"` + expected, hint: `add "app" to clients of issuer "web", or ` + request},
		{name: "own claims", base: "named", claims: map[string]string{"app": `"site"`},
			detail: "azp and /app/id are missing" + expected, hint: claimOf("named") + request},
		{name: "none in a Cognito access token", base: "pool access", claims: map[string]string{"client_id": ""},
			detail: "client_id is missing" + poolExpected, hint: poolRequest},
		{name: "another", base: "web", claims: map[string]string{"client_id": `"app"`},
			detail: `got client_id "app"` + expected, hint: `add "app" to clients of issuer "web", or ` + request},
		{name: "another azp", base: "web", claims: map[string]string{"azp": `"app"`},
			detail: `got client_id "site", azp "app"` + expected, hint: `add "app" to clients of issuer "web", or ` + request},

		{name: "in aud, and no client", base: "web", claims: map[string]string{"client_id": "", "aud": `"site"`},
			near:   denial.NearClientInAudience,
			detail: `client_id, azp, cid and appid are missing` + expected + `; aud is "site"`,
			hint:   `the client is in aud: put "site" in audiences of issuer "web" instead of clients`},
		{name: "in a list in aud, and another client", base: "web", claims: map[string]string{"client_id": `"app"`, "aud": `["x","cli"]`},
			near:   denial.NearClientInAudience,
			detail: `got client_id "app"` + expected + `; aud is "x", "cli"`,
			hint:   `the client is in aud: put "cli" in audiences of issuer "web" instead of clients`},
		{name: "in aud in another letter case", base: "web", claims: map[string]string{"client_id": "", "aud": `"Site"`},
			detail: `client_id, azp, cid and appid are missing` + expected, hint: claimOf("web") + request},
		{name: "in aud of a Cognito access token", base: "pool access", claims: map[string]string{"client_id": `"app"`, "aud": `"3v5site"`},
			near:   denial.NearClientInAudience,
			detail: `got client_id "app"` + poolExpected + `; aud is "3v5site"`,
			hint:   `request a token as "3v5site": any client can choose the aud of its access token, so aud does not count`},

		{name: "another issuer's", base: "both", claims: map[string]string{"client_id": `"cli"`}, near: denial.NearOtherIssuersClient,
			detail: `got client_id "cli"; expected "site"`,
			hint:   `"cli" is a client of issuer "web": add it to clients of issuer "both", or request a token as "site"`},
		{name: "another issuer's azp", base: "both", claims: map[string]string{"azp": `"3v5mobile"`}, near: denial.NearOtherIssuersClient,
			detail: `got client_id "site", azp "3v5mobile"; expected "site"`,
			hint:   `"3v5mobile" is a client of issuer "pool": add it to clients of issuer "both", or request a token as "site"`},
		{name: "another issuer's audience", base: "web", claims: map[string]string{"client_id": `"orders-api"`},
			detail: `got client_id "orders-api"` + expected, hint: `add "orders-api" to clients of issuer "web", or ` + request},
		{name: "another pool's, by an ID token", base: "pool id", claims: map[string]string{"iss": accessOnly, "aud": `"3v5mobile"`},
			near:   denial.NearOtherIssuersClient,
			detail: `got an ID token with aud "3v5mobile"; expected "3v5site"`,
			hint:   `"3v5mobile" is a client of issuer "pool": add it to clients of issuer "pool-access", or request a token as "3v5site"`},

		{name: "Cognito ID token of another", base: "pool id", claims: map[string]string{"aud": `"app"`},
			detail: `got an ID token with aud "app"` + poolExpected, hint: `add "app" to clients of issuer "pool", or ` + poolRequest},
		{name: "Cognito ID token with a list in aud", base: "pool id", claims: map[string]string{"aud": `["3v5site"]`},
			detail: `aud is an array of strings in the ID token ("3v5site")` + poolExpected,
			hint:   "configure the issuer to set aud to one string, the client"},
		{name: "Cognito ID token without aud", base: "pool id", claims: map[string]string{"aud": "", "client_id": `"3v5site"`},
			detail: `aud is missing in the ID token` + poolExpected, hint: "configure the issuer to set aud to one string, the client"},
	} {
		d.want = token.ErrClientMismatch
		t.Run(d.name, d.check)
	}
}

// TestUseDiagnosis checks the details of a token of the wrong use.
func TestUseDiagnosis(t *testing.T) {
	const noMark = `send the ID token, or set token_use: [access, id] for issuer "front" if this is an ID token, ` +
		"although none of its claims shows it"
	pool := func(id string) string { return `"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_` + id + `"` }
	for _, d := range []diagnosis{
		{name: "Cognito ID token", base: "pool id", claims: map[string]string{"iss": pool("AccessOnly")}, near: denial.NearIDToken,
			detail: `got token_use "id"; expected "access"`, hint: `send the access token, or add id to token_use of issuer "pool-access"`},
		{name: "Cognito access token", base: "pool access", claims: map[string]string{"iss": pool("IdOnly")}, near: denial.NearAccessToken,
			detail: `got token_use "access"; expected "id"`, hint: `send the ID token, or add access to token_use of issuer "pool-id"`},
		{name: "Cognito, a refresh token", base: "pool access", claims: map[string]string{"token_use": `"refresh"`},
			detail: "got a refresh token, as token_use says, which is never accepted", hint: "send the access token"},
		{name: "Cognito, another kind", base: "pool access", claims: map[string]string{"token_use": `"other"`},
			detail: `got token_use "other"; expected one of "access", "id"`, hint: "send the access token"},
		{name: "Cognito, in upper case", base: "pool access", claims: map[string]string{"iss": pool("AccessOnly"), "token_use": `"ID"`},
			detail: `got token_use "ID"; expected "access"`, hint: "send the access token"},
		{name: "Cognito, not a string", base: "pool access", claims: map[string]string{"token_use": `["id"]`},
			detail: `token_use is an array of strings; expected one of "access", "id"`, hint: "send the access token"},
		{name: "Cognito, none", base: "pool access", claims: map[string]string{"token_use": ""},
			detail: `token_use is missing; expected one of "access", "id"`, hint: "send the access token"},
		{name: "nonce", base: "api", claims: map[string]string{"nonce": `"n"`}, near: denial.NearIDToken,
			detail: `got an ID token, which has nonce; expected "access"`, hint: `send the access token, or add id to token_use of issuer "api"`},
		{name: "Keycloak's typ", base: "api", claims: map[string]string{"typ": `"ID"`}, near: denial.NearIDToken,
			detail: `got an ID token, which has typ; expected "access"`, hint: `send the access token, or add id to token_use of issuer "api"`},
		{name: "an access token", base: "api", claims: map[string]string{"iss": `"https://front.example/"`}, near: denial.NearAccessToken,
			detail: `got a token without a claim of an ID token; expected "id"`,
			hint:   noMark},
		{name: "an access token with a mark", base: "api",
			claims: map[string]string{"iss": `"https://front.example/"`, "typ": `"Bearer"`, "nonce": `"n"`}, near: denial.NearAccessToken,
			detail: `got an access token; expected "id"`,
			hint:   noMark},
		{name: "a logout token, and ID tokens are expected", base: "api",
			claims: map[string]string{"iss": `"https://front.example/"`, "typ": `"Logout"`},
			detail: "got a logout token, which is never accepted", hint: "send the ID token"},
		{name: "a logout token", base: "api", claims: map[string]string{"typ": `"Logout"`},
			detail: "got a logout token, which is never accepted", hint: "send the access token"},
	} {
		d.want = token.ErrTokenUseMismatch
		t.Run(d.name, d.check)
	}
}

// TestHints checks the hints of the other failures. Times are relative to the time of the
// decision.
func TestHints(t *testing.T) {
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	for _, row := range []struct {
		name, base     string
		header, claims map[string]string
		want           error
		hint           string
	}{
		{"expired just now", "web", nil, map[string]string{"exp": at(0)}, token.ErrExpired, "get a new token; this token expired 0s ago"},
		{"expired by seconds", "api", nil, map[string]string{"exp": at(-59 * time.Second)}, token.ErrExpired,
			"get a new token; this token expired 59s ago"},
		{"expired by minutes", "api", nil, map[string]string{"exp": at(-time.Hour + time.Second)}, token.ErrExpired,
			"get a new token; this token expired 59m ago"},
		{"expired by hours", "api", nil, map[string]string{"exp": at(-2*time.Hour - 5*time.Minute)}, token.ErrExpired,
			"get a new token; this token expired 2h ago"},
		{"expired by more than a day", "api", nil, map[string]string{"exp": at(-47 * time.Hour)}, token.ErrExpired,
			"get a new token; this token expired 47h ago"},
		{"expired by days", "api", nil, map[string]string{"exp": at(-50 * time.Hour)}, token.ErrExpired,
			"get a new token; this token expired 2 days ago"},
		{"not yet valid", "api", nil, map[string]string{"nbf": at(5 * time.Minute)}, token.ErrNotYetValid,
			"wait until then, or correct the clock of the issuer or of this host: nbf is 5m in the future"},
		{"issued in the future", "api", nil, map[string]string{"iat": at(31 * time.Second)}, token.ErrIssuedInFuture,
			"correct the clock of the issuer or of this host: iat is 31s in the future"},
		{"lifetime", "brief", nil, map[string]string{"exp": at(3601 * time.Second)}, token.ErrLifetimeTooLong,
			`configure the issuer to limit the lifetime to 1h, or raise max_lifetime of issuer "brief" to 1h0m2s`},
		{"lifetime unknown", "brief", nil, map[string]string{"iat": ""}, token.ErrLifetimeTooLong,
			`configure the issuer to write iat into its tokens, or remove max_lifetime of issuer "brief"`},
		{"prefix", "api", nil, map[string]string{"sub": `"partner:x"`}, token.ErrClaimsMalformed,
			`give issuer "api" a prefix, or change the name at the issuer`},
		{"algorithm of another issuer", "web", map[string]string{"alg": `"ES256"`, "kid": `"p-256"`}, nil, token.ErrAlgNotAllowed,
			`add ES256 to algorithms of issuer "web" if it uses this algorithm, or configure the issuer to sign with "RS256"`},
		{"algorithm that is not supported", "web", map[string]string{"alg": `"HS256"`}, nil, token.ErrAlgNotAllowed,
			`configure the issuer to sign with "RS256"`},
		{"type of another issuer", "legacy", map[string]string{"typ": `"at+jwt"`}, nil, token.ErrTypeNotAllowed,
			`add "at+jwt" to token_types of issuer "legacy" if its access tokens have this typ, or configure the issuer to write the typ "JWT"`},
		{"no expiry", "api", nil, map[string]string{"exp": ""}, token.ErrExpiryMissing,
			"configure the issuer to write exp into its tokens"},
		{"a typ of logout tokens", "api", map[string]string{"typ": `"logout+jwt"`}, nil, token.ErrTypeNotAllowed, "send the access token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := forge.Vector{Base: row.base, Header: make(map[string]json.RawMessage), Claims: make(map[string]json.RawMessage)}
			for name, value := range row.header {
				v.Header[name] = json.RawMessage(value)
			}
			if v.Alg = "RS256"; row.header["kid"] != "" {
				v.Alg = ""
			}
			for name, value := range row.claims {
				if v.Claims[name] = json.RawMessage(value); value == "" {
					delete(v.Claims, name)
					v.Drop = append(v.Drop, "claims."+name)
				}
			}
			verifier, _ := corpusVerifier(t)
			_, err := verifier.Verify(t.Context(), v.Forge(t, now), now)
			if failure := refusal(t, err, row.want); failure.Hint() != row.hint {
				t.Errorf("got %q, want %q", failure.Hint(), row.hint)
			}
		})
	}
}

// An algorithm that is supported but not configured for any issuer has a hint.
func TestHintOfAnAlgorithmThatIsNotConfigured(t *testing.T) {
	verifier := newVerifier(t, []config.Issuer{apiIssuer()}, &tokentest.Keyring{Keys: published()})
	raw := forge.Mint("ES256", forge.Keys()["p-256"], `{"alg":"ES256","kid":"p-256"}`, `{"iss":"https://api.example/"}`)
	_, err := verifier.Verify(t.Context(), raw, now)
	const want = `add ES256 to algorithms of issuer "api" if it uses this algorithm, or configure the issuer to sign with "RS256"`
	if failure := refusal(t, err, token.ErrAlgNotAllowed); failure.Hint() != want {
		t.Errorf("got %q", failure.Hint())
	}
}
