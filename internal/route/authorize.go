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

// Why a verified token does not meet a rule, in the order of the checks. Each is matched
// with errors.Is. The last check is the condition, with the errors of package condition.
var (
	ErrIssuerNotAllowed = errors.New("issuer not allowed on this route")
	ErrGroupMissing     = errors.New("group missing")
	ErrScopeMissing     = errors.New("scope missing")
	ErrClientNotAllowed = errors.New("client not allowed on this route")
	ErrLoginTooOld      = errors.New("login too old")
	ErrACRTooWeak       = errors.New("acr too weak")
)

// Authorize checks a verified token against the rule's requirement: issuer, groups, scopes,
// clients, alternatives, age and class of the login, condition, in this order. The error is
// a *[denial.Error] for the first check that fails. If the token meets no alternative, the
// error is that of the alternative that passed the most checks, the first of equals, and
// its texts say what the token lacks for each. Authorize ignores the rule's access. It is
// safe for concurrent use, and does not keep the request.
func (r *Rule) Authorize(t *token.Token, from *request.Parsed, now time.Time) error {
	want := &r.requirement
	if failed := failedStage(&want.Alternative, t); failed != passed {
		return denied(failed, &want.Alternative, t, false)
	}
	if failed, which := failedAlternatives(want.AnyOf, t); failed != passed {
		return noAlternative(failed, which, want.AnyOf, t)
	}
	if failure := checkLogin(want, t, now); failure != nil {
		return failure
	}
	if r.when != nil {
		return r.when.Check(t, from, now)
	}
	return nil
}

// stage is the check of an alternative that a token fails, in the order of the checks.
type stage int

const (
	passed stage = iota // it fails none
	failedIssuer
	failedGroups
	failedScopes
	failedClients
)

// failedStage returns the first check of an alternative that a token fails.
func failedStage(want *config.Alternative, t *token.Token) stage {
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
	return passed
}

// failedAlternatives returns passed if a token meets one of the alternatives, or if there
// are none. Otherwise it returns the furthest check that fails, and the index of its
// alternative. It builds no texts, because a later alternative may pass.
func failedAlternatives(alternatives []config.Alternative, t *token.Token) (stage, int) {
	furthest, which := passed, 0
	for i := range alternatives {
		failed := failedStage(&alternatives[i], t)
		if failed == passed {
			return passed, 0
		}
		if failed > furthest {
			furthest, which = failed, i
		}
	}
	return furthest, which
}

// checkLogin checks the age and class of the token's login (RFC 9470). A token that does not
// say when or how its user logged in fails.
func checkLogin(want *config.Requirement, t *token.Token, now time.Time) *denial.Error {
	if want.MaxAuthAge > 0 {
		if age, known := t.AuthAge(now); !known || age > want.MaxAuthAge {
			return tooOld(want, t, age, known)
		}
	}
	if len(want.ACR) > 0 && (t.ACR == "" || !slices.Contains(want.ACR, t.ACR)) {
		return tooWeak(want, t)
	}
	return nil
}

// met reports whether have contains one of the choice's Any, if it has some, and each of its
// All.
func met(want config.Choice, have []string) bool {
	if len(want.Any) > 0 && !slices.ContainsFunc(want.Any, func(name string) bool { return slices.Contains(have, name) }) {
		return false
	}
	for _, one := range want.All {
		if !slices.Contains(have, one) {
			return false
		}
	}
	return true
}
