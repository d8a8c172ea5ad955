package token

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/revocation"
)

// SetRevocations replaces the list of revoked tokens. It applies to every token that is
// checked from now on, also to those whose verification has begun; nil revokes nothing.
// It is safe for concurrent use.
func (v *Verifier) SetRevocations(list *revocation.List) { v.revocations.Store(list) }

// Revoked returns the number of values in the current list of revoked tokens.
func (v *Verifier) Revoked() int { return v.revocations.Load().Len() }

// revoked reports whether the current list has a token, by which key, and whether a token
// that is issued later would not be revoked.
func (v *Verifier) revoked(t *Token) (key string, ends, revoked bool) {
	return v.revocations.Load().Revoked(revocation.Token{
		Issuer: t.Issuer, Subject: strings.TrimPrefix(t.Subject, t.prefix), Client: t.Client,
		ID: t.id, OriginID: t.originID, IssuedAt: t.issuedAt,
	})
}

func (v *Verifier) checkRevocation(t *Token) *denial.Error {
	key, ends, revoked := v.revoked(t)
	if !revoked {
		return nil
	}
	failure := fail(ErrTokenRevoked, "its "+key+" is on the list of revoked tokens")
	failure.Issuer, failure.Subject, failure.KeyID = t.Issuer, t.Subject, quote.Cut(t.KeyID, quote.Max)
	switch key {
	case "jti":
		return failure.Advise(denial.FixNewToken.With())
	case "origin_jti":
		return failure.Advise(denial.FixLogInAgain.With())
	}
	failure.Advise(denial.FixNotRevoked.With(key, quote.Text(t.Issuer)))
	if ends {
		failure.Advise(denial.FixAfterRevoked.With())
	}
	return failure
}
