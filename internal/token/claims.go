package token

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// maxNumericDate is the last second of the year 9999. Some parsers overflow at later times.
const maxNumericDate = 253402300799

// checkClaims checks the claims of a token whose signature is valid against the settings
// of its issuer (RFC 7519 section 4.1), and sets the fields of t. typ is that of the
// header, as mediaType returns it. The failure is that of the first check that fails;
// [Verifier.diagnose] adds the details of a mismatch.
func (i *trusted) checkClaims(t *Token, typ string, now time.Time) *denial.Error {
	// The audit record of a rejected token has the subject too.
	subject, subjectClaim := i.subject(t.Claims())
	if subject != "" {
		t.Subject = t.prefix + subject
	}
	if failure := i.checkTimes(t, now); failure != nil {
		return failure
	}
	use := i.use(t.Claims(), typ)
	if failure := i.checkAudience(t.Claims(), use); failure != nil {
		return failure
	}
	if failure := i.checkClient(t, use); failure != nil {
		return failure
	}
	if failure := i.checkRequired(t); failure != nil {
		return failure
	}
	if !slices.Contains(i.tokenUse, use) {
		return fail(ErrTokenUseMismatch, "")
	}
	if !i.boundAsBearer && t.Claims()["cnf"] != nil {
		return fail(ErrTokenBound, "got the claim cnf ("+shape(t.Claims()["cnf"])+"); expected a token without it").
			Advise(denial.FixUnbound.With(), denial.FixAcceptBound.With(quote.Text(i.name)))
	}
	if subject == "" {
		return fail(ErrSubjectMissing, "")
	}
	if name := i.claimOfAnotherIssuer(t); name != "" {
		return fail(ErrClaimsMalformed, quote.Text(name)+" begins with another issuer's prefix").
			Advise(denial.FixPrefix.With(quote.Text(i.name)), denial.FixForeignName.With())
	}
	t.Kind = i.kind(t.Claims(), t.Client, subject, subjectClaim)
	t.ACR, _ = t.Claims()["acr"].(string)
	t.id, _ = t.Claims()["jti"].(string)
	t.originID, _ = t.Claims()["origin_jti"].(string)
	if at, failure := numericDate(t.Claims(), "auth_time"); failure == nil {
		t.authTime = at
	}
	t.groups = prefixed(t.prefix, i.groups(t.Claims()))
	t.scopes = i.scopes(t.Claims())
	return nil
}

func (i *trusted) checkTimes(t *Token, now time.Time) *denial.Error {
	if _, present := t.Claims()["exp"]; !present {
		return fail(ErrExpiryMissing, "").Advise(denial.FixExpiry.With())
	}
	var dates [3]time.Time // zero if the claim is missing
	for n, name := range [...]string{"exp", "nbf", "iat"} {
		var failure *denial.Error
		if dates[n], failure = numericDate(t.Claims(), name); failure != nil {
			return failure
		}
	}
	expiry, notBefore, issuedAt := dates[0], dates[1], dates[2]
	latest := now.Add(i.leeway)
	switch {
	case !now.Before(expiry.Add(i.leeway)):
		return fail(ErrExpired, "exp is "+expiry.UTC().Format(time.RFC3339)).
			Advise(denial.FixExpired.With(quote.Age(now.Sub(expiry))))
	case notBefore.After(latest):
		return fail(ErrNotYetValid, "nbf is "+notBefore.UTC().Format(time.RFC3339)).
			Advise(denial.FixWait.With(), denial.FixClocks.With("nbf", quote.Age(notBefore.Sub(now))))
	case issuedAt.After(latest):
		return fail(ErrIssuedInFuture, "iat is "+issuedAt.UTC().Format(time.RFC3339)).
			Advise(denial.FixClocks.With("iat", quote.Age(issuedAt.Sub(now))))
	case i.maxLifetime > 0 && issuedAt.IsZero():
		return fail(ErrLifetimeTooLong, claimPath{"iat"}.describe(t.Claims())).
			Advise(denial.FixIssuedAt.With(), denial.FixNoMaxLifetime.With(quote.Text(i.name)))
	case i.maxLifetime > 0 && expiry.Sub(issuedAt) > i.maxLifetime:
		return i.tooLong(expiry.Sub(issuedAt))
	}
	t.Expiry, t.issuedAt = expiry, issuedAt
	if t.begin = notBefore; issuedAt.After(notBefore) {
		t.begin = issuedAt
	}
	t.begin = t.begin.Add(-i.leeway)
	return nil
}

// tooLong returns the failure for a lifetime.
func (i *trusted) tooLong(lifetime time.Duration) *denial.Error {
	failure := fail(ErrLifetimeTooLong, "got "+quote.Duration(lifetime)+"; expected at most "+quote.Duration(i.maxLifetime)).
		Advise(denial.FixLifetime.With(quote.Duration(i.maxLifetime)))
	if whole := lifetime.Truncate(time.Second) + time.Second; whole <= config.MaxLifetime {
		return failure.Advise(denial.FixMaxLifetime.With(quote.Text(i.name), quote.Duration(whole)))
	}
	return failure.Advise(denial.FixNoMaxLifetime.With(quote.Text(i.name)))
}

// numericDate reads a NumericDate (RFC 7519 section 2), which may have a fraction, from
// 1970-01-01T00:00:00Z to the end of the year 9999. If the claim is missing or null, it
// returns the zero time, except that exp must not be null.
func numericDate(claims map[string]any, name string) (time.Time, *denial.Error) {
	value, present := claims[name]
	if !present || value == nil && name != "exp" {
		return time.Time{}, nil
	}
	n, ok := value.(json.Number)
	if !ok {
		return time.Time{}, wrongForm(name, shape(value), "a number")
	}
	seconds, err := n.Float64()
	if err != nil || !(seconds >= 0 && seconds <= maxNumericDate) {
		return time.Time{}, wrongForm(name, shape(value)+" out of range", "seconds since 1970, up to the year 9999")
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second))), nil
}

// wrongForm returns the failure for a claim in a form that it must not have.
func wrongForm(claim, found, expected string) *denial.Error {
	return fail(ErrClaimsMalformed, claim+" is "+found+"; expected "+expected).Advise(denial.FixClaimForm.With(claim, expected))
}

// audience reads aud (RFC 7519 section 4.1.3: a string or an array of strings).
func audience(claims map[string]any) (list []string, present, ok bool) {
	value, present := claims["aud"]
	if one, isText := value.(string); isText {
		return []string{one}, true, true
	}
	list, ok = stringList(value)
	return list, present, ok || !present
}

// checkAudience checks aud against the configured audiences. A Cognito access token has
// aud only if its client requested a resource (RFC 8707). That resource may also be one of
// the configured clients.
func (i *trusted) checkAudience(claims map[string]any, use string) *denial.Error {
	audience, present, ok := audience(claims)
	if !ok {
		return wrongForm("aud", shape(claims["aud"]), "a string or an array of strings")
	}
	expected := i.audiences
	if i.cognito != nil && use == useAccess && present {
		expected = slices.Concat(i.audiences, i.clients)
	}
	if len(expected) == 0 || slices.ContainsFunc(audience, func(one string) bool { return slices.Contains(expected, one) }) {
		return nil
	}
	return fail(ErrAudienceMismatch, "")
}

// claimOfAnotherIssuer returns the name of a claim that begins with the prefix of another
// issuer, and so would name a user or group of that issuer. Only an issuer without a prefix
// can have such a claim.
func (i *trusted) claimOfAnotherIssuer(t *Token) string {
	if len(i.foreignPrefixes) == 0 {
		return ""
	}
	foreign := func(value any) bool {
		return slices.ContainsFunc(i.foreignPrefixes, func(prefix string) bool { return hasPrefix(value, prefix) })
	}
	for _, path := range i.naming {
		if value, present := path.find(t.Claims()); present && foreign(value) {
			return strings.Join(path, "/")
		}
	}
	if i.namedByClient && foreign(t.Client) {
		return i.namedClients(t.Claims())[0].claim
	}
	return ""
}

// hasPrefix reports whether a name, or a name in an array, begins with prefix.
func hasPrefix(value any, prefix string) bool {
	if list, ok := value.([]any); ok {
		return slices.ContainsFunc(list, func(item any) bool { return hasPrefix(item, prefix) })
	}
	return strings.HasPrefix(scalar(value), prefix)
}

// kind returns whether the subject is a program or a person. The subject of a token of the
// client credentials grant is its client (RFC 9068 section 2.2). With Cognito, such a token
// has no username. Auth0 marks such a token with gty. Microsoft Entra marks it with idtyp
// if the API asks for that claim, and its sub is the oid, which a user's sub is not.
// Keycloak has a user for each such client, whose name is service-account- and the client
// in lower case. A token of Cloudflare Access names a program in common_name, and only then.
func (i *trusted) kind(claims map[string]any, client, subject string, subjectClaim claimPath) Kind {
	oid, _ := claims["oid"].(string)
	name, _ := claims["preferred_username"].(string)
	switch {
	case client != "" && (subject == client || claims["sub"] == client),
		subjectClaim.is("common_name"),
		claims["gty"] == "client-credentials",
		claims["idtyp"] == "app",
		claims["tid"] != nil && oid != "" && claims["sub"] == oid,
		client != "" && strings.EqualFold(name, "service-account-"+client):
		return KindClient
	case i.cognito != nil && claims["token_use"] == "access":
		if _, present := claims["username"]; !present {
			return KindClient
		}
	}
	return KindUser
}
