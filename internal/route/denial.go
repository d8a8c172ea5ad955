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

// denied returns the error for the check of an alternative that a token fails. It is one of
// a route's alternatives, or the route itself.
func denied(failed stage, want *config.Alternative, t *token.Token, alternative bool) *denial.Error {
	switch failed {
	case failedIssuer:
		internal := fmt.Sprintf("has issuer %s, needs one of %s", quote.Text(t.Issuer), quote.List(want.Issuers))
		failure := denial.New(ErrIssuerNotAllowed, internal)
		if alternative {
			return failure.Advise(denial.FixAlternativeIssuer.With(quote.Text(t.Issuer), quote.List(want.Issuers)))
		}
		return failure.Advise(denial.FixRouteIssuer.With(quote.Text(t.Issuer)))
	case failedGroups:
		return noGroup(want.Groups, t)
	case failedScopes:
		found := t.FindScopes()
		failure := denial.New(ErrScopeMissing, against("scopes", t.Scopes(), found, want.Scopes))
		failure.Scopes = slices.Concat(want.Scopes.Any, want.Scopes.All)
		if found.Unusable {
			return failure.Advise(denial.FixListForm.With(found.Claims))
		}
		return failure.Advise(denial.FixScope.With(missing("scope", want.Scopes, t.Scopes())))
	default:
		return noClient(want.Clients, t, alternative)
	}
}

// noClient returns the error for a token whose client is not in a choice.
func noClient(want config.Choice, t *token.Token, alternative bool) *denial.Error {
	if t.Client == "" {
		found := t.FindClient()
		return denial.New(ErrClientNotAllowed, "has no client ("+found.Text+"), "+needs(want)).
			Advise(denial.FixWithClient.With(found.Claims))
	}
	failure := denial.New(ErrClientNotAllowed, fmt.Sprintf("has client %s, %s", quote.Text(t.Client), needs(want)))
	switch {
	case len(want.All) > 1:
		return failure.Advise(denial.FixRouteOneClient.With())
	case len(want.All) == 1:
		return failure.Advise(denial.FixUseClient.With("client "+quote.Text(want.All[0])), denial.FixRouteOneClient.With())
	case alternative:
		return failure.Advise(denial.FixAlternativeClient.With(quote.Text(t.Client), quote.List(want.Any)))
	}
	return failure.Advise(denial.FixRouteClient.With(quote.Text(t.Client)))
}

// noGroup returns the error for a token that has not the groups of a choice. Microsoft Entra
// lists no groups in a token if there are too many: such a user may be in the group.
func noGroup(want config.Choice, t *token.Token) *denial.Error {
	who := "user"
	if t.Kind == token.KindClient {
		who = "client"
	}
	found, claim := t.FindGroups(), t.GroupsLeftOut()
	failure := denial.New(ErrGroupMissing, against("groups", t.Groups(), found, want))
	unprefixed := withoutPrefix(want, t)
	switch {
	case claim != "":
		failure.Near = denial.NearGroupsLeftOut
		failure.Internal += "; the token says that it leaves out groups, because there are too many (" + claim + ")"
		return failure.Advise(denial.FixFewerGroups.With())
	case found.Unusable:
		return failure.Advise(denial.FixListForm.With(found.Claims))
	case len(unprefixed) > 0:
		prefixed := make([]string, len(unprefixed))
		for n, group := range unprefixed {
			prefixed[n] = t.Name(group)
		}
		return failure.Advise(denial.FixGroupPrefix.With(quote.Text(t.Issuer), quote.List(prefixed)))
	}
	failure.Advise(denial.FixAddToGroup.With(who, missing("group", atIssuer(want, t), atIssuer(config.Choice{All: t.Groups()}, t).All)))
	if found.Elsewhere {
		failure.Advise(denial.FixGroupsClaim.With(quote.Text(t.Issuer)))
	}
	return failure
}

// withoutPrefix returns the groups of a choice that no token of this issuer can have,
// because they do not begin with its prefix, if they are the reason why the choice is not
// met.
func withoutPrefix(want config.Choice, t *token.Token) []string {
	foreign := func(group string) bool { return !strings.HasPrefix(group, t.Name("")) }
	if all := slices.DeleteFunc(slices.Clone(want.All), func(group string) bool { return !foreign(group) }); len(all) > 0 {
		return all
	}
	if len(want.Any) > 0 && !slices.ContainsFunc(want.Any, func(group string) bool { return !foreign(group) }) {
		return want.Any
	}
	return nil
}

// atIssuer returns the groups of a choice that a token of this issuer can have, as the
// issuer names them: without the prefix.
func atIssuer(want config.Choice, t *token.Token) config.Choice {
	own := func(groups []string) []string {
		var names []string
		for _, group := range groups {
			if name, ok := strings.CutPrefix(group, t.Name("")); ok {
				names = append(names, name)
			}
		}
		return names
	}
	return config.Choice{Any: own(want.Any), All: own(want.All)}
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
	var details []string
	var suggested []*denial.Error
	for i := range shown {
		how := failedStage(&shown[i], t)
		lacks := denied(how, &shown[i], t, true)
		if !slices.Contains(details, lacks.Internal) {
			details = append(details, lacks.Internal)
		}
		if how != failedIssuer || failed == failedIssuer {
			suggested = append(suggested, lacks)
		}
	}
	last := denied(failed, &alternatives[furthest], t, true)
	failure := &denial.Error{Kind: last.Kind, Near: last.Near, Internal: strings.Join(details, "; or ") + more, Scopes: last.Scopes}
	return failure.Advise(denial.Join(suggested...)...)
}

// tooOld returns the error for a login that is too old or of unknown age.
func tooOld(want *config.Requirement, t *token.Token, age time.Duration, known bool) *denial.Error {
	failure := loginDenial(ErrLoginTooOld, want)
	if known {
		failure.Internal = fmt.Sprintf("logged in %s ago, at most %s", short(age), short(want.MaxAuthAge))
		return failure.Advise(denial.FixLogInAgain.With())
	}
	failure.Internal = fmt.Sprintf("does not say when the login was (%s), at most %s ago", t.Describe("auth_time"), short(want.MaxAuthAge))
	return failure.Advise(denial.FixLoginTime.With())
}

// tooWeak returns the error for a login of another class.
func tooWeak(want *config.Requirement, t *token.Token) *denial.Error {
	failure := loginDenial(ErrACRTooWeak, want)
	found := "has no acr (" + t.Describe("acr") + ")"
	if t.ACR != "" {
		found = "has acr " + quote.Text(t.ACR)
	}
	failure.Internal = found + ", needs one of " + quote.List(want.ACR)
	return failure.Advise(denial.FixACR.With(quote.List(want.ACR)))
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
