package token

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// Kind says whether a person or a program stands behind a token.
type Kind string

// The two kinds.
const (
	KindUser   Kind = "user"
	KindClient Kind = "client"
)

// Token is what a verified token said. It is made by [Verifier.Verify] and
// [Verifier.Recall] alone, and belongs to the request that it came with: it may not be
// kept longer, and is not safe for concurrent use. That it exists proves that the signature, the times,
// the audience or client, and the subject were good at the time of verification;
// it says nothing of what the subject may do.
type Token struct {
	// Issuer is the issuer's name in the config, ISS the iss claim.
	Issuer string
	ISS    string
	// Subject is sub behind the issuer's prefix.
	Subject string
	// Client is client_id, else azp, or aud of a Cognito ID token; empty when
	// the token names none.
	Client string
	Kind   Kind
	// KeyID and Algorithm are those that the signature was verified with.
	KeyID     string
	Algorithm string
	Expiry    time.Time
	ACR       string // acr, OpenID Connect Core section 2; empty when there is none

	by             *trusted
	authTime       time.Time      // auth_time; zero when it is absent or no date
	issuedAt       time.Time      // iat; zero when it is absent
	id, originID   string         // jti and origin_jti; empty when they are no strings
	groups, scopes []string       // groups behind the issuer's prefix
	raw            string         // of one that was known again: its request's memory
	claims         map[string]any // nil while nobody has asked

	// What a memory holds the token to: it is accepted from begin on, while the
	// issuer's keys are of this epoch.
	begin time.Time
	epoch uint64
}

// Claims returns the claims as they were signed, with the types of
// [strictjson.Object] (nil, bool, string, json.Number, []any, map[string]any) and
// without any prefix. Neither the map nor what it holds may be changed or kept.
func (t *Token) Claims() map[string]any {
	if t.claims == nil && t.raw != "" {
		// It is byte for byte the token that was verified, so that neither can fail.
		if parts, err := split(t.raw, len(t.raw)); err == nil {
			t.claims, _ = strictjson.Object(parts.claims)
		}
	}
	return t.claims
}

// IssuedAt returns iat (RFC 7519 section 4.1.6). It is not known when the token
// does not say.
func (t *Token) IssuedAt() (at time.Time, known bool) { return t.issuedAt, !t.issuedAt.IsZero() }

// End returns when the token stops being accepted: its expiry and the issuer's
// leeway behind it.
func (t *Token) End() time.Time { return t.Expiry.Add(t.by.leeway) }

// Forget empties a token whose request is over, and keeps the memory of its lists
// for another.
func (t *Token) Forget() {
	clear(t.groups)
	clear(t.scopes)
	*t = Token{groups: t.groups[:0], scopes: t.scopes[:0]}
}

// AuthAge returns how long ago the user logged in (auth_time, OpenID Connect Core
// section 2). It is not known when the token does not say, says something that
// is no date, or names a time to come.
func (t *Token) AuthAge(now time.Time) (age time.Duration, known bool) {
	if t.authTime.IsZero() || t.authTime.After(now.Add(t.by.leeway)) {
		return 0, false
	}
	return now.Sub(t.authTime), true
}

// Groups returns the groups behind the issuer's prefix. The slice is the
// token's own memory: it must be neither changed nor kept.
func (t *Token) Groups() []string { return t.groups }

// Scopes returns the scopes. The slice is the token's own memory: it must be
// neither changed nor kept.
func (t *Token) Scopes() []string { return t.scopes }

// IdentityClaim returns the claim of that whole name, or that a JSON Pointer
// (RFC 6901) finds when name starts with "/", in the form in which it may name
// somebody: the subject, the username claims and the groups carry the issuer's
// prefix, so that no two issuers can name the same person. Of those, one that
// is no name (an object, a list that is not all strings, null, the empty
// string) is absent, and so is an object that holds the groups of an issuer
// with a prefix.
//
// Values are those of [strictjson.Object] (nil, bool, string,
// json.Number, []any, map[string]any), or []string for groups. They must be
// neither changed nor kept.
func (t *Token) IdentityClaim(name string) (any, bool) {
	path := parseClaimPath(name)
	value, ok := path.find(t.Claims())
	switch {
	case !ok:
		return nil, false
	case path.namesSubject():
		if text := scalar(value); text != "" {
			return t.by.prefix + text, true
		}
		return nil, false
	case path.isOneOf(t.by.groupsClaim):
		if groups, isList := stringList(value); isList {
			return prefixed(t.by.prefix, groups), true
		}
		return nil, false
	case t.by.prefix != "" && path.holdsOneOf(t.by.groupsClaim):
		return nil, false
	}
	return value, true
}

// NamingClaim is [Token.IdentityClaim] for a header that names the user: whatever
// claim it is, its text, or each text of a list, carries the issuer's prefix. What is
// neither is absent.
func (t *Token) NamingClaim(name string) (any, bool) {
	value, there := t.IdentityClaim(name)
	path := parseClaimPath(name)
	if !there || path.namesSubject() || path.isOneOf(t.by.groupsClaim) {
		return value, there
	}
	if list, isList := stringList(value); isList {
		return prefixed(t.by.prefix, list), true
	}
	if text := scalar(value); text != "" {
		return t.Name(text), true
	}
	return nil, false
}

// Name puts the issuer's prefix before a text that names somebody.
func (t *Token) Name(text string) string { return t.by.prefix + text }

// EmailVerified returns what the issuer says of the token's e-mail address (OpenID
// Connect Core section 5.1, email_verified); some issuers write the boolean as a
// text. Where it says nothing, the address counts as verified only if the
// configuration assumes that of this issuer.
func (t *Token) EmailVerified() (verified, stated bool) {
	value, there := t.Claims()["email_verified"]
	if !there {
		return t.by.emailAssumed, false
	}
	return value == true || value == "true", true
}

// scalar returns the text of a value that can be a name, or "".
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

// stringList returns an array whose every item is a string.
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

// prefixed puts prefix before each item, in a slice of its own.
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
