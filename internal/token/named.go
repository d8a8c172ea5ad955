package token

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// subject returns the first of the claims that name the subject that is a non-empty
// string, and its path. RFC 7519 section 4.1.2 makes sub a string.
func (i *trusted) subject(claims map[string]any) (string, claimPath) {
	for _, path := range i.subjectClaims {
		value, _ := path.find(claims)
		if text, _ := value.(string); text != "" {
			return text, path
		}
	}
	return "", nil
}

// groups returns the groups in the first groups claim that the token has: an array of
// strings, or one string, which is one group. It is not split: a group may contain spaces
// and commas.
func (i *trusted) groups(claims map[string]any) []string {
	for _, path := range i.groupsClaim {
		if value, present := path.find(claims); present {
			list, _ := groupList(value)
			return list
		}
	}
	return nil
}

// groupList returns the groups in the value of a groups claim. Some issuers write the group
// of a user who has only one as a string.
func groupList(value any) ([]string, bool) {
	if one, isText := value.(string); isText {
		if one == "" {
			return nil, true
		}
		return []string{one}, true
	}
	return stringList(value)
}

// scopes returns the first scope claim that the token has: a string with spaces between
// the scopes (RFC 8693 section 4.2), or an array of strings.
func (i *trusted) scopes(claims map[string]any) []string {
	for _, path := range i.scopesClaim {
		value, present := path.find(claims)
		if !present {
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

// Finding says what a token has in the claims from which one of its values is read. It is
// for messages to operators, and contains no value of a claim.
type Finding struct {
	// Text says for each claim that it is missing, or which JSON form it has.
	Text string
	// Claims are the names of the claims.
	Claims string
	// Unusable means that a claim is there in a form that gives no value.
	Unusable bool
	// Elsewhere means that none of the claims is there, and that the issuer may write the
	// value into another one. The claims of Cognito are known.
	Elsewhere bool
}

func finding(paths []claimPath, claims map[string]any, usable func(any) bool) Finding {
	for _, path := range paths {
		if value, present := path.find(claims); present {
			return Finding{Text: path.describe(claims), Claims: path.name(), Unusable: !usable(value)}
		}
	}
	return Finding{Text: describeAll(paths, claims), Claims: names(paths)}
}

// FindGroups says where the groups are read from, and what is there.
func (t *Token) FindGroups() Finding {
	found := finding(t.by.groupsClaim, t.Claims(), func(value any) bool { _, ok := groupList(value); return ok })
	present := func(path claimPath) bool { _, present := path.find(t.Claims()); return present }
	found.Elsewhere = t.by.cognito == nil && !slices.ContainsFunc(t.by.groupsClaim, present)
	return found
}

// FindScopes says where the scopes are read from, and what is there.
func (t *Token) FindScopes() Finding {
	return finding(t.by.scopesClaim, t.Claims(), func(value any) bool {
		_, isText := value.(string)
		_, isList := stringList(value)
		return isText || isList
	})
}

// FindClient says where the client is read from, and what is there.
func (t *Token) FindClient() Finding {
	paths := t.by.clientPaths()
	return Finding{Text: describeAll(paths, t.Claims()), Claims: names(paths)}
}

// Describe says that a claim is missing, or which JSON form it has.
func (t *Token) Describe(claim string) string { return claimPath{claim}.describe(t.Claims()) }

// GroupsLeftOut returns the claim by which a token of Microsoft Entra says that its user is
// in more groups than the token can list, so that it lists none, or "".
func (t *Token) GroupsLeftOut() string {
	claims := t.Claims()
	if sources, ok := claims["_claim_names"].(map[string]any); ok {
		for name := range sources {
			if name == "groups" || (claimPath{name}).isOneOf(t.by.groupsClaim) {
				return "_claim_names"
			}
		}
	}
	if has := claims["hasgroups"]; has == true || has == "true" {
		return "hasgroups"
	}
	return ""
}

// diagnoseSubject adds what was found in the claims that name the subject, and how to
// change it.
func (i *trusted) diagnoseSubject(f *denial.Error, claims map[string]any) {
	f.Internal = describeAll(i.subjectClaims, claims) + "; expected a non-empty string"
	f.Advise(denial.FixSubject.With(names(i.subjectClaims)))
	if i.cognito == nil {
		f.Advise(denial.FixSubjectClaims.With(quote.Text(i.name)))
	}
}
