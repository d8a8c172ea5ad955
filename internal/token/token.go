package token

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// Kind is the kind of a token's subject: a person or a program.
type Kind string

// The two kinds.
const (
	KindUser   Kind = "user"
	KindClient Kind = "client"
)

// Token is a verified token. Only [Verifier.Verify] and [Verifier.Recall] make one. It
// belongs to one request: do not keep it longer. It is not safe for concurrent use.
//
// The signature, the times, the audience or client, and the subject of a Token were valid
// at the time of verification. This does not mean that the subject may do anything.
type Token struct {
	// Issuer is the issuer's name in the configuration, ISS the iss claim.
	Issuer string
	ISS    string
	// Tenant is the tenant of Microsoft Entra that the token is of, or empty.
	Tenant string
	// Subject is the first of the issuer's subject claims that names one, by default sub,
	// with the issuer's prefix.
	Subject string
	// Client is the first of the issuer's client claims that the token has, by default
	// client_id, else azp, cid or appid; in a Cognito ID token it is aud. It is empty if
	// the token does not name a client.
	Client string
	Kind   Kind
	// KeyID and Algorithm are of the key that verified the signature.
	KeyID     string
	Algorithm string
	Expiry    time.Time
	ACR       string // acr, OpenID Connect Core section 2; empty if it is missing

	by             *trusted
	prefix         string         // of the names of the issuer or tenant
	authTime       time.Time      // auth_time; zero if it is missing or not a date
	issuedAt       time.Time      // iat; zero if it is missing
	id, originID   string         // jti and origin_jti; empty if they are not strings
	groups, scopes []string       // groups with the issuer's prefix
	raw            string         // the token as it was sent, if it was recalled
	claims         map[string]any // nil if the token was recalled, until Claims parses raw

	// A cached token is valid from begin on, while the issuer's keys have this epoch.
	begin time.Time
	epoch uint64
}

// Claims returns the claims as they were signed, without prefixes. The types are those of
// [strictjson.Object] (nil, bool, string, json.Number, []any, map[string]any). Do not
// change or keep the map or its values.
func (t *Token) Claims() map[string]any {
	if t.claims == nil && t.raw != "" {
		// This token was verified before, byte for byte, so both calls succeed.
		if parts, err := split(t.raw, len(t.raw)); err == nil {
			t.claims, _ = strictjson.Object(parts.claims)
		}
	}
	return t.claims
}

// IssuedAt returns iat (RFC 7519 section 4.1.6). It is not known if the token does not
// have it.
func (t *Token) IssuedAt() (at time.Time, known bool) { return t.issuedAt, !t.issuedAt.IsZero() }

// End returns the time from which on the token is rejected: its expiry plus the issuer's
// leeway.
func (t *Token) End() time.Time { return t.Expiry.Add(t.by.leeway) }

// Forget empties a token at the end of its request. It keeps the memory of the lists for
// the next token.
func (t *Token) Forget() {
	clear(t.groups)
	clear(t.scopes)
	*t = Token{groups: t.groups[:0], scopes: t.scopes[:0]}
}

// AuthAge returns the time since the user logged in (auth_time, OpenID Connect Core
// section 2). It is not known if auth_time is missing, not a date, or in the future.
func (t *Token) AuthAge(now time.Time) (age time.Duration, known bool) {
	if t.authTime.IsZero() || t.authTime.After(now.Add(t.by.leeway)) {
		return 0, false
	}
	return now.Sub(t.authTime), true
}

// Groups returns the groups with the issuer's prefix. Do not change or keep the slice.
func (t *Token) Groups() []string { return t.groups }

// Scopes returns the scopes. Do not change or keep the slice.
func (t *Token) Scopes() []string { return t.scopes }

// IdentityClaim returns the claim with that name, or, if the name begins with "/", the
// claim at that JSON Pointer (RFC 6901). The subject, the username claims and the groups
// get the issuer's prefix, so that two issuers cannot name the same person. One of these
// is absent if it is not a name: an object, an array with other items than strings, null
// or an empty string. An object that contains the groups of an issuer with a prefix is
// absent too. sub is the token's subject, also if another claim names it.
//
// The types are those of [strictjson.Object] (nil, bool, string, json.Number, []any,
// map[string]any), or []string for groups. Do not change or keep a value.
func (t *Token) IdentityClaim(name string) (any, bool) {
	path := parseClaimPath(name)
	value, ok := path.find(t.Claims())
	switch {
	case path.is("sub"):
		return t.Subject, true
	case !ok:
		return nil, false
	case t.by.namesSubject(path):
		if text := scalar(value); text != "" {
			return t.prefix + text, true
		}
		return nil, false
	case path.isOneOf(t.by.groupsClaim):
		if groups, isList := groupList(value); isList {
			return prefixed(t.prefix, groups), true
		}
		return nil, false
	case t.prefix != "" && path.containsOneOf(t.by.groupsClaim):
		return nil, false
	}
	return value, true
}

// NamingClaim is [Token.IdentityClaim] for a header that names the user: the text of any
// claim, or each text of an array, gets the issuer's prefix. Other values are absent.
func (t *Token) NamingClaim(name string) (any, bool) {
	value, present := t.IdentityClaim(name)
	path := parseClaimPath(name)
	if !present || t.by.namesSubject(path) || path.isOneOf(t.by.groupsClaim) {
		return value, present
	}
	if list, isList := stringList(value); isList {
		return prefixed(t.prefix, list), true
	}
	if text := scalar(value); text != "" {
		return t.Name(text), true
	}
	return nil, false
}

// Name returns a name with the issuer's prefix.
func (t *Token) Name(text string) string { return t.prefix + text }

// EmailVerified returns email_verified (OpenID Connect Core section 5.1), which some
// issuers write as a string. If the claim is missing or null, stated is false, and the
// address is verified only if the configuration assumes this for the issuer.
func (t *Token) EmailVerified() (verified, stated bool) {
	value := t.Claims()["email_verified"]
	if value == nil {
		return t.by.emailAssumed, false
	}
	return value == true || value == "true", true
}

// scalar returns the text of a value that can be a name: a string, a number or a boolean.
// For other values it returns "".
func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// stringList returns an array if all of its items are strings.
func stringList(value any) ([]string, bool) {
	items, ok := value.([]any)
	if !ok {
		return nil, false
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = item.(string); !ok {
			return nil, false
		}
	}
	return list, true
}

// prefixed returns the items with the prefix. It does not change items.
func prefixed(prefix string, items []string) []string {
	if prefix == "" {
		return items
	}
	list := make([]string, len(items))
	for i, item := range items {
		list[i] = prefix + item
	}
	return list
}
