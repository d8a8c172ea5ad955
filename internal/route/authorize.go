package route

import (
	"errors"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Why a verified token does not meet a rule. Each is matched with errors.Is;
// the order is the order of the checks.
var (
	ErrIssuerNotAllowed = errors.New("issuer not taken on this route")
	ErrGroupMissing     = errors.New("group missing")
	ErrScopeMissing     = errors.New("scope missing")
	ErrClientNotAllowed = errors.New("client not allowed on this route")
	ErrLoginTooOld      = errors.New("login too old")
	ErrACRTooWeak       = errors.New("acr too weak")
)

// Denial is why a verified token does not meet a rule. It unwraps to one of the
// package's errors.
type Denial struct {
	Err error
	// Scopes are those that the route asks for, when scopes are what is missing
	// (RFC 6750 section 3, scope attribute).
	Scopes []string
	// MaxAge and ACRValues are what a new login has to meet, when the login is
	// what is wrong (RFC 9470 section 3); zero and nil when they are not asked
	// for.
	MaxAge    time.Duration
	ACRValues []string

	stage int // how far the token came: the number of the check that failed
}

// Error renders the kind.
func (d *Denial) Error() string { return d.Err.Error() }

// Unwrap returns the kind, for errors.Is.
func (d *Denial) Unwrap() error { return d.Err }

// Facts are what a rule's requirement may look at beside the token.
type Facts struct {
	Now    time.Time
	Method string
	Host   string // in the form of [ParseHost]
	Path   Path
	Query  string // as it was sent, without its question mark
	// Headers are in the order received; a name may stand more than once.
	Headers []token.Header
	// Source is the address of the peer that is connected to Envoy, Principal
	// the name that it has proven by mutual TLS, if it has.
	Source    string
	Principal string
}

// Authorize holds a verified token to the rule's requirement: issuer, groups,
// scopes, clients, alternatives, age and class of the login, in this order. The
// error is a *[Denial] with the first that fails, or nil. If no alternative
// fits, it is the denial of the one that came furthest, the first of equals. It
// does not look at the rule's access.
func (r *Rule) Authorize(t *token.Token, facts *Facts) error {
	want := &r.requirement
	if denial := fits(&want.Alternative, t); denial != nil {
		return denial
	}
	if denial := fitsAny(want.AnyOf, t); denial != nil {
		return denial
	}
	if denial := fitsLogin(want, t, facts.Now); denial != nil {
		return denial
	}
	return nil
}

// fits holds a token to all that an alternative asks for.
func fits(want *config.Alternative, t *token.Token) *Denial {
	switch {
	case len(want.Issuers) > 0 && !slices.Contains(want.Issuers, t.Issuer):
		return &Denial{Err: ErrIssuerNotAllowed, stage: 1}
	case !met(want.Groups, t.Groups()):
		return &Denial{Err: ErrGroupMissing, stage: 2}
	case !met(want.Scopes, t.Scopes()):
		return &Denial{Err: ErrScopeMissing, Scopes: slices.Concat(want.Scopes.Any, want.Scopes.All), stage: 3}
	case !want.Clients.Empty() && (t.Client == "" || !met(want.Clients, []string{t.Client})):
		return &Denial{Err: ErrClientNotAllowed, stage: 4}
	}
	return nil
}

// fitsAny holds a token to one of the alternatives; none ask for nothing.
func fitsAny(alternatives []config.Alternative, t *token.Token) *Denial {
	var furthest *Denial
	for i := range alternatives {
		denial := fits(&alternatives[i], t)
		if denial == nil {
			return nil
		}
		if furthest == nil || denial.stage > furthest.stage {
			furthest = denial
		}
	}
	return furthest
}

// fitsLogin holds the login behind a token to its age and class (RFC 9470). A
// token that does not say when or how its user logged in does not meet what
// asks for it.
func fitsLogin(want *config.Requirement, t *token.Token, now time.Time) *Denial {
	denial := func(err error) *Denial {
		return &Denial{Err: err, MaxAge: want.MaxAuthAge, ACRValues: slices.Clone(want.ACR)}
	}
	if want.MaxAuthAge > 0 {
		if age, known := t.AuthAge(now); !known || age > want.MaxAuthAge {
			return denial(ErrLoginTooOld)
		}
	}
	if len(want.ACR) > 0 && (t.ACR == "" || !slices.Contains(want.ACR, t.ACR)) {
		return denial(ErrACRTooWeak)
	}
	return nil
}

// met reports whether have holds one of the choice's Any and every one of its
// All.
func met(want config.Choice, have []string) bool {
	if len(want.Any) > 0 && !slices.ContainsFunc(want.Any, func(one string) bool { return slices.Contains(have, one) }) {
		return false
	}
	for _, one := range want.All {
		if !slices.Contains(have, one) {
			return false
		}
	}
	return true
}
