package route

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Denial is why a verified token does not meet a rule. It unwraps to one of the
// package's errors.
type Denial struct {
	Err error
	// Detail is what was found against what was due, and Mend what to change so
	// that this would be allowed. Both are for operators, never for clients: they
	// name groups, scopes, the client, the issuer and the login of the token. Of
	// a condition they hold its text and, where it is false, its subject, client,
	// kind, path and host, but no claim, no header and no query.
	Detail string
	Mend   string
	// Scopes are those that the route asks for, when scopes are what is missing
	// (RFC 6750 section 3, scope attribute).
	Scopes []string
	// MaxAge and ACRValues are what a new login has to meet, when the login is
	// what is wrong (RFC 9470 section 3); zero and nil when they are not asked
	// for.
	MaxAge    time.Duration
	ACRValues []string
}

// Error renders the kind and the detail.
func (d *Denial) Error() string {
	if d.Detail == "" {
		return d.Err.Error()
	}
	return d.Err.Error() + ": " + d.Detail
}

// Unwrap returns the kind, for errors.Is.
func (d *Denial) Unwrap() error { return d.Err }

// denied says why a token failed an alternative.
func denied(failed stage, want *config.Alternative, t *token.Token) *Denial {
	switch failed {
	case failedIssuer:
		return &Denial{
			Err:    ErrIssuerNotAllowed,
			Detail: fmt.Sprintf("is of issuer %s, needs one of %s", quote(t.Issuer), list(want.Issuers)),
			Mend:   fmt.Sprintf("list issuer %s in this route's issuers", quote(t.Issuer)),
		}
	case failedGroups:
		who := "user"
		if t.Kind == token.KindClient {
			who = "client"
		}
		return &Denial{
			Err:    ErrGroupMissing,
			Detail: against("groups", t.Groups(), want.Groups),
			Mend:   "add this " + who + " to " + missing("group", want.Groups, t.Groups()),
		}
	case failedScopes:
		return &Denial{
			Err:    ErrScopeMissing,
			Detail: against("scopes", t.Scopes(), want.Scopes),
			Mend:   "ask the issuer for " + missing("scope", want.Scopes, t.Scopes()),
			Scopes: slices.Concat(want.Scopes.Any, want.Scopes.All),
		}
	default:
		denial := &Denial{
			Err:    ErrClientNotAllowed,
			Detail: "names no client, " + due(want.Clients),
			Mend:   "use a token that names its client in client_id or azp",
		}
		if t.Client != "" {
			denial.Detail = fmt.Sprintf("is of client %s, %s", quote(t.Client), due(want.Clients))
			denial.Mend = fmt.Sprintf("list client %s in this route's clients", quote(t.Client))
		}
		return denial
	}
}

// noneFits says what each alternative lacks: of more than four the first three,
// and the one that says why. To be of another issuer is no way to be allowed,
// unless that is all that is wrong.
func noneFits(failed stage, furthest int, alternatives []config.Alternative, t *token.Token) *Denial {
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
		if !slices.Contains(details, lacks.Detail) {
			details = append(details, lacks.Detail)
		}
		if (how != failedIssuer || failed == failedIssuer) && !slices.Contains(mends, lacks.Mend) {
			mends = append(mends, lacks.Mend)
		}
	}
	denial := denied(failed, &alternatives[furthest], t)
	denial.Detail, denial.Mend = strings.Join(details, "; or ")+more, strings.Join(mends, ", or ")
	return denial
}

// tooOld says that the login is older than the rule takes, or of no known age.
func tooOld(want *config.Requirement, age time.Duration, known bool) *Denial {
	denial := loginDenial(ErrLoginTooOld, want)
	if known {
		denial.Detail = fmt.Sprintf("logged in %s ago, at most %s", short(age), want.MaxAuthAge)
		denial.Mend = "log in again"
		return denial
	}
	denial.Detail = fmt.Sprintf("does not say when the login was (auth_time), at most %s ago", want.MaxAuthAge)
	denial.Mend = "have the issuer put auth_time into its tokens, and log in again"
	return denial
}

// tooWeak says that the login is of none of the classes that the rule takes.
func tooWeak(want *config.Requirement, acr string) *Denial {
	denial := loginDenial(ErrACRTooWeak, want)
	found := "has no acr"
	if acr != "" {
		found = "has acr " + quote(acr)
	}
	denial.Detail = found + ", needs one of " + list(want.ACR)
	denial.Mend = "log in with acr " + list(want.ACR)
	return denial
}

func loginDenial(err error, want *config.Requirement) *Denial {
	return &Denial{Err: err, MaxAge: want.MaxAuthAge, ACRValues: slices.Clone(want.ACR)}
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

// list renders names, each quoted and at most eight of them: a token may have
// thousands, and a log line is read by people.
func list(names []string) string {
	const most = 8
	var b strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(name))
	}
	return b.String()
}

// quote quotes a name and cuts it to 64 bytes.
func quote(name string) string { return strconv.Quote(cut(name, 64)) }

// cut cuts a text to a number of bytes, and to whole characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "..."
}

// short renders a duration in whole seconds, and in whole minutes without a
// zero behind them.
func short(d time.Duration) string {
	text := d.Truncate(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		return strings.TrimSuffix(text, "0s")
	}
	return text
}
