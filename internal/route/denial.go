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

// denied says why a token failed an alternative.
func denied(failed stage, want *config.Alternative, t *token.Token) *denial.Error {
	switch failed {
	case failedIssuer:
		return &denial.Error{
			Kind:     ErrIssuerNotAllowed,
			Internal: fmt.Sprintf("is of issuer %s, needs one of %s", quote.Text(t.Issuer), list(want.Issuers)),
			Hint:     fmt.Sprintf("list issuer %s in this route's issuers", quote.Text(t.Issuer)),
		}
	case failedGroups:
		who := "user"
		if t.Kind == token.KindClient {
			who = "client"
		}
		return &denial.Error{
			Kind:     ErrGroupMissing,
			Internal: against("groups", t.Groups(), want.Groups),
			Hint:     "add this " + who + " to " + missing("group", want.Groups, t.Groups()),
		}
	case failedScopes:
		return &denial.Error{
			Kind:     ErrScopeMissing,
			Internal: against("scopes", t.Scopes(), want.Scopes),
			Hint:     "ask the issuer for " + missing("scope", want.Scopes, t.Scopes()),
			Scopes:   slices.Concat(want.Scopes.Any, want.Scopes.All),
		}
	default:
		failure := &denial.Error{
			Kind:     ErrClientNotAllowed,
			Internal: "names no client, " + due(want.Clients),
			Hint:     "use a token that names its client in client_id or azp",
		}
		if t.Client != "" {
			failure.Internal = fmt.Sprintf("is of client %s, %s", quote.Text(t.Client), due(want.Clients))
			failure.Hint = fmt.Sprintf("list client %s in this route's clients", quote.Text(t.Client))
		}
		return failure
	}
}

// noneFits says what each alternative lacks: of more than four the first three,
// and the one that says why. To be of another issuer is no way to be allowed,
// unless that is all that is wrong.
func noneFits(failed stage, furthest int, alternatives []config.Alternative, t *token.Token) *denial.Error {
	const most = 4
	shown, more := alternatives, ""
	if len(alternatives) > most {
		shown, more = slices.Clone(alternatives[:most]), fmt.Sprintf("; or %d more", len(alternatives)-most)
		if furthest >= most {
			shown[most-1] = alternatives[furthest]
		}
	}
	var details, mends []string
	for i := range shown {
		how := fits(&shown[i], t)
		lacks := denied(how, &shown[i], t)
		if !slices.Contains(details, lacks.Internal) {
			details = append(details, lacks.Internal)
		}
		if (how != failedIssuer || failed == failedIssuer) && !slices.Contains(mends, lacks.Hint) {
			mends = append(mends, lacks.Hint)
		}
	}
	failure := denied(failed, &alternatives[furthest], t)
	failure.Internal, failure.Hint = strings.Join(details, "; or ")+more, strings.Join(mends, ", or ")
	return failure
}

// tooOld says that the login is older than the rule takes, or of no known age.
func tooOld(want *config.Requirement, age time.Duration, known bool) *denial.Error {
	failure := loginDenial(ErrLoginTooOld, want)
	if known {
		failure.Internal = fmt.Sprintf("logged in %s ago, at most %s", short(age), short(want.MaxAuthAge))
		failure.Hint = "log in again"
		return failure
	}
	failure.Internal = fmt.Sprintf("does not say when the login was (auth_time), at most %s ago", short(want.MaxAuthAge))
	failure.Hint = "have the issuer put auth_time into its tokens, and log in again"
	return failure
}

// tooWeak says that the login is of none of the classes that the rule takes.
func tooWeak(want *config.Requirement, acr string) *denial.Error {
	failure := loginDenial(ErrACRTooWeak, want)
	found := "has no acr"
	if acr != "" {
		found = "has acr " + quote.Text(acr)
	}
	failure.Internal = found + ", needs one of " + list(want.ACR)
	failure.Hint = "log in with acr " + list(want.ACR)
	return failure
}

func loginDenial(err error, want *config.Requirement) *denial.Error {
	return &denial.Error{Kind: err, MaxAge: want.MaxAuthAge, ACRValues: slices.Clone(want.ACR)}
}

// against renders what a token has and what it needs.
func against(what string, have []string, want config.Choice) string {
	if len(have) == 0 {
		return "has no " + what + ", " + due(want)
	}
	return "has " + what + " " + list(have) + ", " + due(want)
}

// due renders what a choice asks for.
func due(want config.Choice) string {
	var parts []string
	if len(want.Any) > 0 {
		parts = append(parts, "one of "+list(want.Any))
	}
	if len(want.All) > 0 {
		parts = append(parts, "all of "+list(want.All))
	}
	return "needs " + strings.Join(parts, " and ")
}

// missing renders what a token lacks of a choice: all of All that are not there
// and, when none of Any is, one of them.
func missing(what string, want config.Choice, have []string) string {
	var parts []string
	if !met(config.Choice{Any: want.Any}, have) {
		one := what + " "
		if len(want.Any) > 1 {
			one = "one of the " + what + "s "
		}
		parts = append(parts, one+list(want.Any))
	}
	absent := slices.DeleteFunc(slices.Clone(want.All), func(one string) bool { return slices.Contains(have, one) })
	if len(absent) > 0 {
		all := what + " "
		if len(absent) > 1 {
			all = "the " + what + "s "
		}
		parts = append(parts, all+list(absent))
	}
	return strings.Join(parts, " and ")
}

func list(names []string) string { return quote.List(names) }

func short(d time.Duration) string { return quote.Duration(d.Truncate(time.Second)) }
