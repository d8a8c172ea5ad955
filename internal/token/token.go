package token

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says whether a person or a program stands behind a token.
type Kind string

// The two kinds.
const (
	KindUser   Kind = "user"
	KindClient Kind = "client"
)

// Token is what a verified token said. It is made by [Verifier.Verify] alone,
// never changes, and is safe for concurrent use. That it exists proves that
// the signature, the times, the audience or client, and the subject were good
// at the time of verification; it says nothing of what the subject may do.
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

	groups []string // behind the issuer's prefix
	scopes []string
	claims map[string]any // as signed
	prefix string
	// groupsClaim holds the claim names that are read as groups.
	groupsClaim []string
}

// Groups returns the groups behind the issuer's prefix. The slice is shared: it
// must not be changed.
func (t *Token) Groups() []string { return t.groups }

// Scopes returns the scopes. The slice is shared: it must not be changed.
func (t *Token) Scopes() []string { return t.scopes }

// IdentityClaim returns the claim of that whole name, or that a JSON Pointer
// (RFC 6901) finds when name starts with "/", in the form in which it may name
// somebody: the subject, the username claims and the groups carry the issuer's
// prefix, so that no two issuers can name the same person. Of those, one that
// is no name (an object, a list that is not all strings) is absent.
//
// Values are those that the strict JSON reader makes (nil, bool, string,
// json.Number, []any, map[string]any), or []string for groups. They are shared:
// they must not be changed.
func (t *Token) IdentityClaim(name string) (any, bool) {
	value, ok := t.claim(name)
	if !ok {
		return nil, false
	}
	// A pointer of one step names a top-level claim as well as its name does.
	if step, one := singleStep(name); one {
		name = step
	}
	switch {
	case usernameClaim(name):
		text, isName := scalar(value)
		return t.prefix + text, isName
	case slices.Contains(t.groupsClaim, name):
		groups, isList := stringList(value)
		return prefixed(t.prefix, groups), isList
	}
	return value, true
}

// scalar returns the text of a value that can be a name.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// usernameClaim reports whether a claim names its subject, so that it carries
// the issuer's prefix.
func usernameClaim(name string) bool {
	switch name {
	case "sub", "cognito:username", "username", "preferred_username":
		return true
	}
	return false
}

func (t *Token) claim(name string) (any, bool) {
	if !strings.HasPrefix(name, "/") {
		value, ok := t.claims[name]
		return value, ok
	}
	var at any = t.claims
	for step := range strings.SplitSeq(name[1:], "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[unescapePointer(step)]; !ok {
			return nil, false
		}
	}
	return at, true
}

// singleStep returns the claim name that a JSON Pointer of one step names.
func singleStep(pointer string) (string, bool) {
	if !strings.HasPrefix(pointer, "/") || strings.Contains(pointer[1:], "/") {
		return "", false
	}
	return unescapePointer(pointer[1:]), true
}

// unescapePointer undoes the two escapes of RFC 6901 section 4.
func unescapePointer(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
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
