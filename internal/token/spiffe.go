package token

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
)

// trustDomain returns the trust domain of a SPIFFE ID, such as spiffe://prod.example, or
// "". A JWT-SVID needs no iss: the trust domain of its sub says whose keys verify it
// (SPIFFE JWT-SVID section 3.1).
func trustDomain(sub string) string {
	rest, isID := strings.CutPrefix(sub, config.SPIFFE)
	if domain, _, hasPath := strings.Cut(rest, "/"); isID && hasPath && domain != "" {
		return sub[:len(config.SPIFFE)+len(domain)]
	}
	return ""
}

// checkTrustDomain checks that the subject of a trust domain's token is in that domain.
func checkTrustDomain(t *Token) *denial.Error {
	if !strings.HasPrefix(t.ISS, config.SPIFFE) {
		return nil
	}
	sub, isText := t.Claims()["sub"].(string)
	if isText && trustDomain(sub) == t.ISS {
		return nil
	}
	failure := fail(ErrClaimMismatch, claimPath{"sub"}.describe(t.Claims())+"; expected a SPIFFE ID of "+quote.Text(t.ISS)).
		Advise(denial.FixSPIFFE.With(quote.Text(t.ISS)))
	if isText {
		failure.Internal = "got sub " + quote.Text(sub) + "; expected a SPIFFE ID of " + quote.Text(t.ISS)
	}
	return failure
}
