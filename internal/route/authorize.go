package route

import (
	"errors"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
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

// Authorize holds a verified token to the rule's requirement: issuer, groups,
// scopes, clients, alternatives, age and class of the login, condition, in this
// order. The error is a *[denial.Error] with the first that fails, or nil. If no
// alternative fits, its error is that of the one that came furthest, the first of
// equals, and its texts say what each lacks. It does not look at the rule's access. It is safe for concurrent use;
// a condition reads the request, and nothing keeps it.
func (r *Rule) Authorize(t *token.Token, from *request.Parsed, now time.Time) error {
	want := &r.requirement
	if failed := fits(&want.Alternative, t); failed != fitting {
		return denied(failed, &want.Alternative, t)
	}
	if failed, which := fitsAny(want.AnyOf, t); failed != fitting {
		return noneFits(failed, which, want.AnyOf, t)
	}
	if failure := fitsLogin(want, t, now); failure != nil {
		return failure
	}
	if r.when != nil {
		return r.when.Check(t, from, now)
	}
	return nil
}

// stage is how far a token came: the check that it failed, in their order.
type stage int

const (
	fitting stage = iota // failed none
	failedIssuer
	failedGroups
	failedScopes
	failedClients
)

// fits holds a token to all that an alternative asks for.
func fits(want *config.Alternative, t *token.Token) stage {
	switch {
	case len(want.Issuers) > 0 && !slices.Contains(want.Issuers, t.Issuer):
		return failedIssuer
	case !met(want.Groups, t.Groups()):
		return failedGroups
	case !met(want.Scopes, t.Scopes()):
		return failedScopes
	case !want.Clients.Empty() && (t.Client == "" || !met(want.Clients, []string{t.Client})):
		return failedClients
	}
	return fitting
}

// fitsAny holds a token to one of the alternatives; none ask for nothing. If none
// fits, it returns how far the token came and with which. Details are left to
// the caller, since one that fails is of no account when a later one fits.
func fitsAny(alternatives []config.Alternative, t *token.Token) (stage, int) {
	furthest, which := fitting, 0
	for i := range alternatives {
		failed := fits(&alternatives[i], t)
		if failed == fitting {
			return fitting, 0
		}
		if failed > furthest {
			furthest, which = failed, i
		}
	}
	return furthest, which
}

// fitsLogin holds the login behind a token to its age and class (RFC 9470). A
// token that does not say when or how its user logged in does not meet what
// asks for it.
func fitsLogin(want *config.Requirement, t *token.Token, now time.Time) *denial.Error {
	if want.MaxAuthAge > 0 {
		if age, known := t.AuthAge(now); !known || age > want.MaxAuthAge {
			return tooOld(want, age, known)
		}
	}
	if len(want.ACR) > 0 && (t.ACR == "" || !slices.Contains(want.ACR, t.ACR)) {
		return tooWeak(want, t.ACR)
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
