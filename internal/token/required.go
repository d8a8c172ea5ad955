package token

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// requiredClaim is a claim that must have, or contain, one of the values.
type requiredClaim struct {
	path   claimPath
	values []string
}

// checkRequired checks the claims that the issuer's configuration requires. A token of a
// tenant of Microsoft Entra has the tenant of its iss in tid too.
func (i *trusted) checkRequired(t *Token) *denial.Error {
	claims := t.Claims()
	if failure := checkTrustDomain(t); failure != nil {
		return failure
	}
	if t.Tenant != "" && claims["tid"] != t.Tenant {
		failure := fail(ErrClaimMismatch, claimPath{"tid"}.describe(claims)+"; expected "+quote.Text(t.Tenant)).
			Advise(denial.FixTenantID.With())
		if tid, isText := claims["tid"].(string); isText {
			failure.Internal = "got tid " + quote.Text(tid) + "; expected " + quote.Text(t.Tenant)
		}
		return failure
	}
	for n := range i.require {
		want := &i.require[n]
		found := want.found(claims)
		if slices.ContainsFunc(found, func(one string) bool { return slices.Contains(want.values, one) }) {
			continue
		}
		failure := fail(ErrClaimMismatch, want.path.describe(claims)+"; expected "+quote.OneOf(want.values))
		if len(found) > 0 {
			failure.Internal = "got " + want.path.name() + " " + quote.List(found) + "; expected " + quote.OneOf(want.values)
			failure.Revealed = []string{quote.List(found)}
		}
		if at := slices.IndexFunc(found, settable); at >= 0 {
			failure.Advise(denial.FixRequire.With(quote.Text(found[at]), want.path.name(), quote.Text(i.name)))
			if failure.Revealed != nil {
				failure.Revealed = append(failure.Revealed, quote.Text(found[at]))
			}
		}
		return failure.Advise(denial.FixClaimValue.With(want.path.name(), quote.OneOf(want.values)))
	}
	return nil
}

// found returns the values of the claim: a string, the JSON text of a number or boolean, or
// the items of an array of strings. Another form has no value.
func (r *requiredClaim) found(claims map[string]any) []string {
	value, _ := r.path.find(claims)
	if list, ok := stringList(value); ok {
		return list
	}
	if text := scalar(value); text != "" {
		return []string{text}
	}
	return nil
}
