package token

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/denial"
)

// maxNumericDate is the last second of the year 9999; times beyond it overflow
// in one reader or another.
const maxNumericDate = 253402300799

// check holds a token whose signature is good to its issuer's rules (RFC 7519
// section 4.1) and fills in what it says. typ is that of its header, as mediaType
// has it. The first rule broken is returned; what of a mismatch was found is left
// to [Verifier.diagnose].
func (i *trusted) check(t *Token, typ string, now time.Time) *denial.Error {
	// The subject stands in the records of a refused token, too.
	subject, _ := t.Claims()["sub"].(string)
	if subject != "" {
		t.Subject = i.prefix + subject
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
	if !slices.Contains(i.tokenUse, use) {
		return fail(ErrTokenUseMismatch, "")
	}
	if !i.boundAsBearer && t.Claims()["cnf"] != nil {
		return fail(ErrTokenBound, "cnf names the key of whoever may use it, and no proof of that key is verified here").
			WithHint("ask for a token that is not bound, or write bound_tokens: accept_as_bearer for issuer " + quoted(i.name) +
				": whoever has such a token can then use it")
	}
	if subject == "" {
		return fail(ErrSubjectMissing, "")
	}
	if name := i.namesAnother(t); name != "" {
		return fail(ErrClaimsMalformed, quoted(name)+" begins with another issuer's prefix").
			WithHint("give issuer " + quoted(i.name) + " a prefix of its own, or let it name nobody so")
	}
	t.Kind = i.kind(t.Claims(), t.Client)
	t.ACR, _ = t.Claims()["acr"].(string)
	t.id, _ = t.Claims()["jti"].(string)
	t.originID, _ = t.Claims()["origin_jti"].(string)
	if at, failure := numericDate(t.Claims(), "auth_time"); failure == nil {
		t.authTime = at
	}
	t.groups = prefixed(i.prefix, i.groups(t.Claims()))
	t.scopes = i.scopes(t.Claims())
	return nil
}

func (i *trusted) checkTimes(t *Token, now time.Time) *denial.Error {
	if _, there := t.Claims()["exp"]; !there {
		return fail(ErrExpiryMissing, "")
	}
	var dates [3]time.Time // the zero time is one that is absent
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
		return fail(ErrExpired, "exp was "+expiry.UTC().Format(time.RFC3339)).
			WithHint("get a new token; this one ended " + span(now.Sub(expiry)) + " ago")
	case notBefore.After(latest):
		return fail(ErrNotYetValid, "nbf is "+notBefore.UTC().Format(time.RFC3339)).
			WithHint("wait until then, or set the clocks right: it is " + span(notBefore.Sub(now)) + " ahead")
	case issuedAt.After(latest):
		return fail(ErrIssuedInFuture, "iat is "+issuedAt.UTC().Format(time.RFC3339)).
			WithHint("set the clocks right, the issuer's or the one here: it is " + span(issuedAt.Sub(now)) + " ahead")
	case i.maxLifetime > 0 && issuedAt.IsZero():
		return fail(ErrLifetimeTooLong, "there is no iat").
			WithHint("let the issuer state iat, or leave max_lifetime of issuer " + quoted(i.name) + " out")
	case i.maxLifetime > 0 && expiry.Sub(issuedAt) > i.maxLifetime:
		return fail(ErrLifetimeTooLong, "it is "+expiry.Sub(issuedAt).String()+"; expected "+i.maxLifetime.String()+" at most").
			WithHint("let the issuer sign for no longer, or raise max_lifetime of issuer " + quoted(i.name))
	}
	t.Expiry, t.issuedAt = expiry, issuedAt
	if t.begin = notBefore; issuedAt.After(notBefore) {
		t.begin = issuedAt
	}
	t.begin = t.begin.Add(-i.leeway)
	return nil
}

// numericDate reads a NumericDate (RFC 7519 section 2), which may have a
// fraction, from 1970-01-01T00:00:01Z to the end of the year 9999. One that is
// absent is the zero time, which lies before all of these.
func numericDate(claims map[string]any, name string) (time.Time, *denial.Error) {
	value, there := claims[name]
	if !there {
		return time.Time{}, nil
	}
	n, ok := value.(json.Number)
	if !ok {
		return time.Time{}, fail(ErrClaimsMalformed, name+" is not a number")
	}
	seconds, err := n.Float64()
	if err != nil || !(seconds >= 1 && seconds <= maxNumericDate) {
		return time.Time{}, fail(ErrClaimsMalformed, name+" is out of range")
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second))), nil
}

// audience reads aud (RFC 7519 section 4.1.3: one string or an array of them).
func audience(claims map[string]any) (list []string, there, ok bool) {
	value, there := claims["aud"]
	if one, isText := value.(string); isText {
		return []string{one}, true, true
	}
	list, ok = stringList(value)
	return list, there, ok || !there
}

// checkAudience holds aud to the configured audiences. That of a Cognito access
// token is there where its client has asked for a resource (RFC 8707), which may be
// one of the configured clients as well.
func (i *trusted) checkAudience(claims map[string]any, use string) *denial.Error {
	audience, there, ok := audience(claims)
	if !ok {
		return fail(ErrClaimsMalformed, "aud is not a string or an array of strings")
	}
	due := i.audiences
	if i.cognito != nil && use == useAccess && there {
		due = slices.Concat(i.audiences, i.clients)
	}
	if len(due) == 0 || slices.ContainsFunc(audience, func(one string) bool { return slices.Contains(due, one) }) {
		return nil
	}
	return fail(ErrAudienceMismatch, "")
}

// checkClient finds the client that the token was issued to and holds it to
// the configured ones.
func (i *trusted) checkClient(t *Token, use string) *denial.Error {
	if i.cognito != nil && use == useID {
		t.Client, _ = t.Claims()["aud"].(string)
		if !slices.Contains(i.clients, t.Client) {
			return fail(ErrClientMismatch, "")
		}
		return nil
	}
	named := false
	for _, name := range i.clientClaims(use) {
		value, there := t.Claims()[name]
		if !there {
			continue
		}
		client, ok := value.(string)
		if !ok {
			return fail(ErrClaimsMalformed, name+" is not a string")
		}
		if len(i.clients) > 0 && !slices.Contains(i.clients, client) {
			return fail(ErrClientMismatch, "")
		}
		if !named {
			t.Client, named = client, true
		}
	}
	if len(i.clients) > 0 && !named {
		return fail(ErrClientMismatch, "")
	}
	return nil
}

// clientClaims are the claims that name the client of a token of this use. Cognito
// names it in aud of an ID token and in client_id of an access token; elsewhere it
// is client_id (RFC 9068 section 2.2) or azp (OpenID Connect Core section 2), and
// both must fit when both are there.
func (i *trusted) clientClaims(use string) []string {
	switch {
	case i.cognito == nil:
		return []string{"client_id", "azp"}
	case use == useID:
		return []string{"aud"}
	}
	return []string{"client_id"}
}

// namesAnother returns the claim of an issuer without a prefix that begins with
// another issuer's prefix, and so would name another issuer's user or group.
func (i *trusted) namesAnother(t *Token) string {
	for _, prefix := range i.foreignPrefixes {
		for _, path := range i.naming {
			if value, there := path.find(t.Claims()); there && begins(value, prefix) {
				return strings.Join(path, "/")
			}
		}
		if i.namedByClient && strings.HasPrefix(t.Client, prefix) {
			return "client_id"
		}
	}
	return ""
}

// begins reports whether a name, or a name in a list, begins with prefix.
func begins(value any, prefix string) bool {
	if list, ok := value.([]any); ok {
		return slices.ContainsFunc(list, func(item any) bool { return begins(item, prefix) })
	}
	return strings.HasPrefix(scalar(value), prefix)
}

// kind tells a program's token from a person's. A token of the client
// credentials grant has its client as its subject (RFC 9068 section 2.2);
// Cognito's has, besides, no username. gty is Auth0's mark of that grant, idtyp
// Microsoft Entra's.
func (i *trusted) kind(claims map[string]any, client string) Kind {
	subject := claims["sub"]
	switch {
	case client != "" && subject == client,
		claims["gty"] == "client-credentials",
		claims["idtyp"] == "app":
		return KindClient
	case i.cognito != nil && claims["token_use"] == "access":
		if _, there := claims["username"]; !there {
			return KindClient
		}
	}
	return KindUser
}

// groups returns the first groups claim that is there, when it is an array of
// strings; any other shape holds no groups.
func (i *trusted) groups(claims map[string]any) []string {
	for _, path := range i.groupsClaim {
		if value, there := path.find(claims); there {
			list, _ := stringList(value)
			return list
		}
	}
	return nil
}

// scopes returns the first scope claim that is there: a space-separated string
// (RFC 8693 section 4.2) or an array of strings.
func (i *trusted) scopes(claims map[string]any) []string {
	for _, path := range i.scopesClaim {
		value, there := path.find(claims)
		if !there {
			continue
		}
		if text, ok := value.(string); ok {
			return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
		}
		list, _ := stringList(value)
		return list
	}
	return nil
}
