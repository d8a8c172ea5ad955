package route

import (
	"errors"
	"slices"

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
)

// Denial is why a verified token does not meet a rule. It unwraps to one of the
// package's errors.
type Denial struct {
	Err error
	// Scopes are those that the route asks for, when scopes are what is missing
	// (RFC 6750 section 3, scope attribute).
	Scopes []string
}

// Error renders the kind.
func (d *Denial) Error() string { return d.Err.Error() }

// Unwrap returns the kind, for errors.Is.
func (d *Denial) Unwrap() error { return d.Err }

// Authorize holds a verified token to the rule's requirement: issuer, groups,
// scopes, clients, in this order. The error is a *[Denial] with the first that
// fails, or nil. It does not look at the rule's access.
func (r *Rule) Authorize(t *token.Token) error {
	want := &r.requirement
	switch {
	case len(want.Issuers) > 0 && !slices.Contains(want.Issuers, t.Issuer):
		return &Denial{Err: ErrIssuerNotAllowed}
	case !met(want.Groups, t.Groups()):
		return &Denial{Err: ErrGroupMissing}
	case !met(want.Scopes, t.Scopes()):
		return &Denial{Err: ErrScopeMissing, Scopes: slices.Concat(want.Scopes.Any, want.Scopes.All)}
	case !want.Clients.Empty() && (t.Client == "" || !met(want.Clients, []string{t.Client})):
		return &Denial{Err: ErrClientNotAllowed}
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
