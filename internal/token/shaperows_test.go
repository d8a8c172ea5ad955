package token_test

import (
	"fmt"
	"time"

	"github.com/jwtgate/jwtgate/internal/token"
)

// refreshRow is the row of a claim with which an issuer marks refresh tokens.
func refreshRow(claim, mark string) claimRow {
	return claimRow{claim: claim, use: "marks a refresh token (`" + mark + "`)", base: "api", text: `"` + mark + `"`,
		want: "valid | valid | valid | token_use_mismatch | valid | valid | valid | valid | valid | valid | valid | valid"}
}

// claimRows are the rows of docs/claims.md.
func claimRows() []claimRow {
	return []claimRow{
		{claim: "iss", use: "the issuer", base: "api", text: `"https://api.example/"`,
			want: "issuer_unknown | issuer_unknown | issuer_unknown | valid | issuer_unknown | issuer_unknown | issuer_unknown | " +
				"issuer_unknown | issuer_unknown | issuer_unknown | issuer_unknown | issuer_unknown"},
		{claim: "exp", use: "the expiry", base: "api", text: `"1790000000"`, num: `"{{now+60}}"`,
			want: "expiry_missing | claims_malformed | claims_malformed | claims_malformed | valid | expired | claims_malformed | valid | " +
				"claims_malformed | claims_malformed | claims_malformed | claims_malformed"},
		{claim: "nbf", use: "not valid before", base: "api", text: `"1790000000"`, num: `"{{now}}"`,
			want: "valid | valid | claims_malformed | claims_malformed | valid | valid | claims_malformed | valid | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed"},
		{claim: "iat", use: "when it was issued", base: "api", text: `"1790000000"`, num: `"{{now}}"`,
			want: "valid | valid | claims_malformed | claims_malformed | valid | valid | claims_malformed | valid | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed"},
		{claim: "iat (with `max_lifetime`)", use: "the lifetime", base: "brief", text: `"1790000000"`, num: `"{{now}}"`,
			want: "lifetime_too_long | lifetime_too_long | claims_malformed | claims_malformed | valid | lifetime_too_long | " +
				"claims_malformed | valid | claims_malformed | claims_malformed | claims_malformed | claims_malformed"},
		{claim: "aud", use: "`audiences`", base: "api", text: `"orders-api"`,
			want: "audience_mismatch | claims_malformed | audience_mismatch | valid | claims_malformed | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed | valid | claims_malformed | claims_malformed"},
		{claim: "sub", use: "the user", base: "api", text: `"alice"`, effect: subjectOf,
			want: "subject_missing | subject_missing | subject_missing | the user | subject_missing | subject_missing | subject_missing | " +
				"subject_missing | subject_missing | subject_missing | subject_missing | subject_missing"},
		{claim: "common_name (with `subject_claims: [sub, common_name]`, without `sub`)", use: "the user", base: "named", text: `"robot"`,
			with: map[string]string{"azp": `"site"`}, drop: []string{"claims.sub"}, effect: subjectOf,
			want: "subject_missing | subject_missing | subject_missing | the user | subject_missing | subject_missing | subject_missing | " +
				"subject_missing | subject_missing | subject_missing | subject_missing | subject_missing"},
		{claim: "client_id", use: "`clients`", base: "web", text: `"site"`, effect: clientOf,
			want: "client_mismatch | claims_malformed | client_mismatch | the client | claims_malformed | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed | claims_malformed | claims_malformed | claims_malformed"},
		{claim: "azp (without `client_id`)", use: "`clients`", base: "web", text: `"site"`, drop: clientID(), effect: clientOf,
			want: "client_mismatch | client_mismatch | client_mismatch | the client | claims_malformed | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed | claims_malformed | claims_malformed | claims_malformed"},
		{claim: "azp (beside `client_id`)", use: "`clients`", base: "web", text: `"site"`, effect: clientOf,
			want: "the client | the client | client_mismatch | the client | claims_malformed | claims_malformed | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed | claims_malformed | claims_malformed"},
		{claim: "azp (without `clients`)", use: "the client", base: "api", text: `"site"`, effect: clientOf,
			want: "no client | no client | no client | the client | claims_malformed | claims_malformed | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed | claims_malformed | claims_malformed"},
		{claim: "cid", use: "`clients`", base: "web", text: `"site"`, drop: clientID(), effect: clientOf,
			want: "client_mismatch | client_mismatch | client_mismatch | the client | client_mismatch | client_mismatch | client_mismatch " +
				"| client_mismatch | client_mismatch | client_mismatch | client_mismatch | client_mismatch"},
		{claim: "appid", use: "`clients`", base: "web", text: `"site"`, drop: clientID(), effect: clientOf,
			want: "client_mismatch | client_mismatch | client_mismatch | the client | client_mismatch | client_mismatch | client_mismatch " +
				"| client_mismatch | client_mismatch | client_mismatch | client_mismatch | client_mismatch"},
		{claim: "appid (without `clients`)", use: "the client", base: "api", text: `"site"`, effect: clientOf,
			want: "no client | no client | no client | the client | no client | no client | no client | no client | no client | no client " +
				"| no client | no client"},
		{claim: "aud (Cognito, ID token)", use: "`clients`", base: "pool id", text: `"3v5site"`, effect: clientOf,
			want: "client_mismatch | claims_malformed | client_mismatch | the client | claims_malformed | claims_malformed | " +
				"claims_malformed | claims_malformed | claims_malformed | client_mismatch | claims_malformed | claims_malformed"},
		{claim: "owner (with `require: {owner: [acme]}`)", use: "`require`", base: "actions", text: `"acme"`,
			want: "claim_mismatch | claim_mismatch | claim_mismatch | valid | claim_mismatch | claim_mismatch | claim_mismatch | " +
				"claim_mismatch | claim_mismatch | valid | claim_mismatch | claim_mismatch"},
		{claim: "tid (with `tenants`)", use: "the tenant", base: "entra", text: `"11111111-2222-4333-8444-555555555555"`,
			want: "claim_mismatch | claim_mismatch | claim_mismatch | valid | claim_mismatch | claim_mismatch | claim_mismatch | " +
				"claim_mismatch | claim_mismatch | claim_mismatch | claim_mismatch | claim_mismatch"},
		{claim: "token_use (Cognito)", use: "the kind of token", base: "pool access", text: `"access"`,
			want: "token_use_mismatch | token_use_mismatch | token_use_mismatch | valid | token_use_mismatch | token_use_mismatch | " +
				"token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch | " +
				"token_use_mismatch"},
		{claim: "nonce", use: "marks an ID token", base: "api", text: `"n"`,
			want: "valid | valid | valid | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch " +
				"| token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch"},
		{claim: "at_hash", use: "marks an ID token", base: "api", text: `"n"`,
			want: "valid | valid | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch " +
				"| token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch"},
		{claim: "events", use: "marks a security event", base: "api", text: `"n"`,
			want: "valid | valid | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch " +
				"| token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch | token_use_mismatch"},
		refreshRow("typ", "Refresh"), refreshRow("type", "refresh"), refreshRow("token_type", "refresh"),
		refreshRow("tokenType", "refresh-token"), refreshRow("token_use", "refresh"), refreshRow("drn", "DSR"),
		{claim: "cnf", use: "binds the token to a key", base: "api", text: `"x"`,
			want: "valid | valid | token_bound | token_bound | token_bound | token_bound | token_bound | token_bound | token_bound | " +
				"token_bound | token_bound | token_bound"},
		{claim: "groups", use: "the groups", base: "api", text: `"a b"`, effect: groupsOf,
			want: "no groups | no groups | no groups | 1 group | no groups | no groups | no groups | no groups | no groups | 1 group | no " +
				"groups | no groups"},
		{claim: "scope", use: "the scopes", base: "api", text: `"a b"`, effect: scopesOf,
			want: "no scopes | no scopes | no scopes | 2 scopes | no scopes | no scopes | no scopes | no scopes | no scopes | 1 scope | " +
				"no scopes | no scopes"},
		{claim: "email_verified", use: "whether `email` is passed on", base: "api", text: `"true"`, effect: emailOf,
			want: "missing | missing | not verified | verified | not verified | not verified | not verified | not verified | verified | " +
				"not verified | not verified | not verified"},
		{claim: "auth_time", use: "`max_auth_age`", base: "api", text: `"1790000000"`, num: `"{{now}}"`, effect: loginOf,
			want: "no login | no login | no login | no login | the login | in 1970 | no login | the login | no login | no login | no " +
				"login | no login"},
		{claim: "acr", use: "`acr`", base: "api", text: `"gold"`, effect: acrOf,
			want: "no class | no class | no class | the class | no class | no class | no class | no class | no class | no class | no " +
				"class | no class"},
		{claim: "jti", use: "the list of revoked tokens", base: "api", text: `"j1"`, revoked: `{"issuer":"api","jti":"j1"}`,
			want: "valid | valid | valid | token_revoked | valid | valid | valid | valid | valid | valid | valid | valid"},
		{claim: "origin_jti", use: "the list of revoked tokens", base: "api", text: `"j1"`, revoked: `{"issuer":"api","origin_jti":"j1"}`,
			want: "valid | valid | valid | token_revoked | valid | valid | valid | valid | valid | valid | valid | valid"},
		{claim: "hasgroups", use: "names groups that are left out (Entra)", base: "api", text: `"true"`, effect: leftOutOf,
			want: "nothing | nothing | nothing | groups left out | nothing | nothing | nothing | nothing | groups left out | nothing | " +
				"nothing | nothing"},
		{claim: "username", use: "`x-user-name`", base: "api", text: `"al"`, effect: usernameOf,
			want: "no name | no name | no name | the name | the name | the name | the name | the name | the name | no name | no name | no " +
				"name"},
		{claim: "gty", use: "the kind of subject (Auth0)", base: "api", text: `"client-credentials"`, effect: kindOf,
			want: "user | user | user | client | user | user | user | user | user | user | user | user"},
		{claim: "idtyp", use: "the kind of subject (Entra)", base: "api", text: `"app"`, effect: kindOf,
			want: "user | user | user | client | user | user | user | user | user | user | user | user"},
	}
}

func clientID() []string { return []string{"claims.client_id"} }

func subjectOf(*token.Token) string { return "the user" }

func clientOf(t *token.Token) string {
	if t.Client == "" {
		return "no client"
	}
	return "the client"
}

func groupsOf(t *token.Token) string { return count(len(t.Groups()), "group") }

func scopesOf(t *token.Token) string { return count(len(t.Scopes()), "scope") }

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func emailOf(t *token.Token) string {
	switch verified, stated := t.EmailVerified(); {
	case verified:
		return "verified"
	case stated:
		return "not verified"
	}
	return "missing"
}

func loginOf(t *token.Token) string {
	age, known := t.AuthAge(now)
	switch {
	case !known:
		return "no login"
	case age > 24*time.Hour:
		return "in 1970"
	}
	return "the login"
}

func acrOf(t *token.Token) string {
	if t.ACR == "" {
		return "no class"
	}
	return "the class"
}

func usernameOf(t *token.Token) string {
	if _, present := t.IdentityClaim("username"); present {
		return "the name"
	}
	return "no name"
}

func kindOf(t *token.Token) string { return string(t.Kind) }

func leftOutOf(t *token.Token) string {
	if t.GroupsLeftOut() == "" {
		return "nothing"
	}
	return "groups left out"
}
