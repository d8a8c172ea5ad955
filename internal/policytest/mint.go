package policytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

const (
	// lifetime is the default lifetime of a token.
	lifetime = time.Hour
	// subject is the default subject of a token.
	subject = "somebody"
)

// mint returns the credential of a case.
func (r *runner) mint(t *token) (string, error) {
	if t.raw != "" {
		return t.raw, nil
	}
	i := slices.IndexFunc(r.cfg.Issuers, func(one config.Issuer) bool { return one.Name == t.issuer })
	if i < 0 {
		return "", fmt.Errorf("the config has no issuer %q; load the cases for this config", t.issuer)
	}
	issuer := &r.cfg.Issuers[i]
	raw, err := r.keys[t.issuer].Token(header(issuer, t), complete(issuer, t, r.now))
	if err != nil {
		return "", fmt.Errorf("mint a token of %q: %w", t.issuer, err)
	}
	return raw, nil
}

// header returns the header of a token: the members that the case sets, and by default
// a typ that the issuer accepts.
func header(issuer *config.Issuer, t *token) map[string]any {
	full := map[string]any{"typ": "JWT"}
	isJWT := func(typ string) bool { return strings.EqualFold(typ, "JWT") }
	if len(issuer.TokenTypes) > 0 && !slices.ContainsFunc(issuer.TokenTypes, isJWT) {
		full["typ"] = issuer.TokenTypes[0]
	}
	maps.Copy(full, t.header)
	return full
}

// complete returns the claims of a token: those that the case sets, and defaults that
// the issuer's rules accept. A claim that is null is omitted.
func complete(issuer *config.Issuer, t *token, now time.Time) map[string]any {
	claims := validity(issuer, t, now)
	claims["sub"] = issuer.ExampleSubject(subject)
	asked := maps.Clone(t.claims)
	wanted, _ := asked["tid"].(string)
	iss, tenant := issuer.Example(wanted)
	if claims["iss"] = iss; tenant != "" {
		claims["tid"] = tenant
	}
	ResolveTimes(asked, now)
	if issuer.Cognito != nil {
		completeCognito(issuer, asked, claims)
	} else {
		completeGeneric(issuer, asked, claims)
	}
	maps.Copy(claims, asked)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// validity returns iat and exp. A token that has already expired was issued before its
// expiry.
func validity(issuer *config.Issuer, t *token, now time.Time) map[string]any {
	lasts := lifetime
	if issuer.MaxLifetime > 0 {
		lasts = min(lasts, issuer.MaxLifetime)
	}
	issued := now
	switch {
	case t.expiresSet && t.expires <= 0:
		issued = now.Add(t.expires - lasts)
		lasts = now.Add(t.expires).Sub(issued)
	case t.expiresSet:
		lasts = t.expires
	}
	return map[string]any{"iat": number(issued), "exp": number(issued.Add(lasts))}
}

// number returns a NumericDate (RFC 7519 section 2).
func number(at time.Time) json.Number { return json.Number(fmt.Sprint(at.Unix())) }

// ResolveTimes replaces each signed duration in exp, nbf, iat and auth_time, such as
// -10m, with the time relative to now. It does not change other values.
func ResolveTimes(claims map[string]any, now time.Time) {
	for _, name := range []string{"exp", "nbf", "iat", "auth_time"} {
		if moment, ok := resolveTime(claims[name], now); ok {
			claims[name] = moment
		}
	}
}

// resolveTime converts a signed duration, such as -10m, to a time.
func resolveTime(value any, now time.Time) (json.Number, bool) {
	text, ok := value.(string)
	if !ok || text == "" || !strings.Contains("+-", text[:1]) {
		return "", false
	}
	d, err := time.ParseDuration(text)
	if err != nil || d.Abs() > maxDuration {
		return "", false
	}
	return number(now.Add(d)), true
}

// completeGeneric sets the audience, the claims that the issuer's rules require, the claim
// that names the subject, and the client, unless the case names the client.
func completeGeneric(issuer *config.Issuer, asked, claims map[string]any) {
	if len(issuer.Audiences) > 0 {
		claims["aud"] = issuer.Audiences[0]
	}
	named := func(claim string) bool { return asked[config.ClaimSteps(claim)[0]] != nil }
	if len(issuer.Clients) > 0 && !slices.ContainsFunc(issuer.ClientClaims, named) {
		config.SetClaim(claims, issuer.ClientClaims[0], issuer.Clients[0])
	}
	if !slices.Contains(issuer.SubjectClaims, "sub") {
		config.SetClaim(claims, issuer.SubjectClaims[0], subject)
	}
	for _, one := range issuer.Require {
		config.SetClaim(claims, one.Claim, one.Values[0])
	}
	if !slices.Contains(issuer.TokenUse, "access") {
		claims["nonce"] = "n-0S6_WzA2Mj" // makes it an ID token
	}
}

// completeCognito sets token_use and the claims that depend on it: an ID token has its
// client in aud, an access token in client_id. A token of a user has a username; a token
// of a program, whose subject is its client, has none.
func completeCognito(issuer *config.Issuer, asked, claims map[string]any) {
	use := "access"
	if !slices.Contains(issuer.TokenUse, use) {
		use = issuer.TokenUse[0]
	}
	claims["token_use"] = use
	if stated, ok := asked["token_use"].(string); ok {
		use = stated
	}
	sub, client := any(subject), issuer.Clients[0]
	if stated, there := asked["sub"]; there {
		sub = stated
	}
	if use == "id" {
		claims["aud"], claims["cognito:username"] = client, sub
		if asked["email"] != nil {
			claims["email_verified"] = true
		}
		return
	}
	claims["client_id"] = client
	if len(issuer.Audiences) > 0 {
		claims["aud"] = issuer.Audiences[0]
	}
	if stated, ok := asked["client_id"].(string); ok {
		client = stated
	}
	if text, _ := sub.(string); text != client {
		claims["username"] = sub
	}
}
