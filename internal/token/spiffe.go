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

// checkTrustDomain checks that the subject of a trust domain's token, if it is a SPIFFE ID,
// is in that domain. It does not check that it is one: an issuer with another form of
// subject may also have such an iss.
func checkTrustDomain(t *Token) *denial.Error {
	if !strings.HasPrefix(t.ISS, config.SPIFFE) {
		return nil
	}
	sub, _ := t.Claims()["sub"].(string)
	if !strings.HasPrefix(strings.ToLower(sub), config.SPIFFE) || trustDomain(sub) == trustDomain(t.ISS+"/") {
		return nil
	}
	const expected = "; expected a SPIFFE ID of "
	failure := fail(ErrClaimMismatch, claimPath{"sub"}.describe(t.Claims())+expected+quote.Text(t.ISS)).
		Advise(denial.FixSPIFFE.With(quote.Text(t.ISS)))
	failure.Internal, failure.Revealed = "got sub "+quote.Text(sub)+expected+quote.Text(t.ISS), []string{quote.Text(sub)}
	return failure
}
