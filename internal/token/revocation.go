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

// revoked reports whether the current list has a token, and by which key.
func (v *Verifier) revoked(t *Token) (key string, revoked bool) {
	return v.revocations.Load().Revoked(revocation.Token{
		Issuer: t.Issuer, Subject: strings.TrimPrefix(t.Subject, t.prefix), Client: t.Client,
		ID: t.id, OriginID: t.originID, IssuedAt: t.issuedAt,
	})
}

func (v *Verifier) checkRevocation(t *Token) *denial.Error {
	key, revoked := v.revoked(t)
	if !revoked {
		return nil
	}
	failure := fail(ErrTokenRevoked, "its "+key+" is on the list of revoked tokens")
	failure.Issuer, failure.Subject, failure.KeyID = t.Issuer, t.Subject, quote.Cut(t.KeyID, quote.Max)
	switch key {
	case "jti":
		failure.Hint = "get a new token; only this token is revoked"
	case "origin_jti":
		failure.Hint = "log in again; all tokens of that login are revoked"
	default:
		failure.Hint = "to accept the token, remove the line with its " + key + " and issuer " + quote.Text(t.Issuer) +
			" from the list; if the line has issued_before, a new token is accepted"
	}
	return failure
}
