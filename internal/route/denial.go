package route

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/token"
)

// denied returns the error for the check of an alternative that a token fails.
func denied(failed stage, want *config.Alternative, t *token.Token) *denial.Error {
	switch failed {
	case failedIssuer:
		return &denial.Error{
			Kind:     ErrIssuerNotAllowed,
			Internal: fmt.Sprintf("has issuer %s, needs one of %s", quote.Text(t.Issuer), quote.List(want.Issuers)),
			Hint:     fmt.Sprintf("add issuer %s to this route's issuers", quote.Text(t.Issuer)),
		}
	case failedGroups:
		return noGroup(want.Groups, t)
	case failedScopes:
		found := t.FindScopes()
		failure := &denial.Error{
			Kind:     ErrScopeMissing,
			Internal: against("scopes", t.Scopes(), found, want.Scopes),
			Hint:     "ask the issuer for " + missing("scope", want.Scopes, t.Scopes()),
			Scopes:   slices.Concat(want.Scopes.Any, want.Scopes.All),
		}
		if found.Unusable {
			failure.Hint = "configure the issuer to write " + found.Claims + " as a string or an array of strings"
		}
		return failure
	default:
		found := t.FindClient()
		failure := &denial.Error{
			Kind:     ErrClientNotAllowed,
			Internal: "has no client (" + found.Text + "), " + needs(want.Clients),
			Hint:     "use a token with its client in " + found.Claims,
		}
		if t.Client != "" {
			failure.Internal = fmt.Sprintf("has client %s, %s", quote.Text(t.Client), needs(want.Clients))
			failure.Hint = fmt.Sprintf("add client %s to this route's clients", quote.Text(t.Client))
		}
		return failure
	}
}

// noGroup returns the error for a token that has not the groups of a choice. Microsoft Entra
// lists no groups in a token if there are too many: such a user may be in the group.
func noGroup(want config.Choice, t *token.Token) *denial.Error {
	who := "user"
	if t.Kind == token.KindClient {
		who = "client"
	}
	found, claim := t.FindGroups(), t.GroupsLeftOut()
	failure := &denial.Error{
		Kind:     ErrGroupMissing,
		Internal: against("groups", t.Groups(), found, want),
		Hint:     "add this " + who + " to " + missing("group", want, t.Groups()),
	}
	switch {
	case claim != "":
		failure.Near = denial.NearGroupsLeftOut
		failure.Internal += "; the token says that it leaves out groups, because there are too many (" + claim + ")"
		failure.Hint = "configure the issuer to write fewer groups (Entra: groups that are assigned to the application) or app roles"
	case found.Unusable:
		failure.Hint = "configure the issuer to write " + found.Claims + " as a string or an array of strings"
	case found.Elsewhere:
		failure.Hint += ", or list the claim that has the groups in groups_claim of issuer " + quote.Text(t.Issuer)
	}
	return failure
}

// noAlternative returns the error for a token that meets no alternative. It says what the
// token lacks for each; of more than four, for the first three and for the furthest one. It
// does not suggest another issuer, unless every alternative fails there.
func noAlternative(failed stage, furthest int, alternatives []config.Alternative, t *token.Token) *denial.Error {
	const most = 4
	shown, more := alternatives, ""
	if len(alternatives) > most {
		shown, more = slices.Clone(alternatives[:most]), fmt.Sprintf("; or %d more", len(alternatives)-most)
		if furthest >= most {
			shown[most-1] = alternatives[furthest]
		}
	}
	var details, hints []string
	for i := range shown {
		how := failedStage(&shown[i], t)
		lacks := denied(how, &shown[i], t)
		if !slices.Contains(details, lacks.Internal) {
			details = append(details, lacks.Internal)
		}
		if how == failedIssuer && failed != failedIssuer {
			continue
		}
		for hint := range strings.SplitSeq(lacks.Hint, ", or ") {
			if !slices.Contains(hints, hint) {
				hints = append(hints, hint)
			}
		}
	}
	failure := denied(failed, &alternatives[furthest], t)
	failure.Internal, failure.Hint = strings.Join(details, "; or ")+more, strings.Join(hints, ", or ")
	return failure
}

// tooOld returns the error for a login that is too old or of unknown age.
func tooOld(want *config.Requirement, t *token.Token, age time.Duration, known bool) *denial.Error {
	failure := loginDenial(ErrLoginTooOld, want)
	if known {
		failure.Internal = fmt.Sprintf("logged in %s ago, at most %s", short(age), short(want.MaxAuthAge))
		failure.Hint = "log in again"
		return failure
	}
	failure.Internal = fmt.Sprintf("does not say when the login was (%s), at most %s ago", t.Describe("auth_time"), short(want.MaxAuthAge))
	failure.Hint = "have the issuer put auth_time into its tokens, and log in again"
	return failure
}

// tooWeak returns the error for a login of another class.
func tooWeak(want *config.Requirement, t *token.Token) *denial.Error {
	failure := loginDenial(ErrACRTooWeak, want)
	found := "has no acr (" + t.Describe("acr") + ")"
	if t.ACR != "" {
		found = "has acr " + quote.Text(t.ACR)
	}
	failure.Internal = found + ", needs one of " + quote.List(want.ACR)
	failure.Hint = "log in with acr " + quote.List(want.ACR)
	return failure
}

func loginDenial(err error, want *config.Requirement) *denial.Error {
	return &denial.Error{Kind: err, MaxAge: want.MaxAuthAge, ACRValues: slices.Clone(want.ACR)}
}

// against returns what a token has and what it needs.
func against(what string, have []string, found token.Finding, want config.Choice) string {
	if len(have) == 0 {
		return "has no " + what + " (" + found.Text + "), " + needs(want)
	}
	return "has " + what + " " + quote.List(have) + ", " + needs(want)
}

// needs returns what a choice requires.
func needs(want config.Choice) string {
	var parts []string
	if len(want.Any) > 0 {
		parts = append(parts, "one of "+quote.List(want.Any))
	}
	if len(want.All) > 0 {
		parts = append(parts, "all of "+quote.List(want.All))
	}
	return "needs " + strings.Join(parts, " and ")
}

// missing returns what a token lacks for a choice: the missing items of All and, if it has
// none of Any, one of those.
func missing(what string, want config.Choice, have []string) string {
	var parts []string
	if !met(config.Choice{Any: want.Any}, have) {
		one := what + " "
		if len(want.Any) > 1 {
			one = "one of the " + what + "s "
		}
		parts = append(parts, one+quote.List(want.Any))
	}
	absent := slices.DeleteFunc(slices.Clone(want.All), func(one string) bool { return slices.Contains(have, one) })
	if len(absent) > 0 {
		all := what + " "
		if len(absent) > 1 {
			all = "the " + what + "s "
		}
		parts = append(parts, all+quote.List(absent))
	}
	return strings.Join(parts, " and ")
}

// short returns a duration in whole seconds.
func short(d time.Duration) string { return quote.Duration(d.Truncate(time.Second)) }
