package token

import (
	"errors"

	"github.com/jwtgate/jwtgate/internal/denial"
)

// The kinds of failures, for errors.Is, in the order of the checks.
var (
	ErrMalformed        = errors.New("not a JWT")
	ErrTooLarge         = errors.New("token too large")
	ErrAlgNotAllowed    = errors.New("algorithm not allowed")
	ErrHeaderNotAllowed = errors.New("header parameter not allowed")
	ErrTypeNotAllowed   = errors.New("token type not allowed")
	ErrIssuerUnknown    = errors.New("issuer unknown")
	ErrKIDMissing       = errors.New("key id missing")
	ErrSignatureInvalid = errors.New("signature invalid")
	ErrClaimsMalformed  = errors.New("claims malformed")
	ErrExpiryMissing    = errors.New("expiry missing")
	ErrExpired          = errors.New("token expired")
	ErrNotYetValid      = errors.New("token not yet valid")
	ErrIssuedInFuture   = errors.New("token issued in the future")
	ErrLifetimeTooLong  = errors.New("token lifetime too long")
	ErrAudienceMismatch = errors.New("audience mismatch")
	ErrClientMismatch   = errors.New("client mismatch")
	ErrClaimMismatch    = errors.New("claim mismatch")
	ErrTokenUseMismatch = errors.New("token use mismatch")
	ErrTokenBound       = errors.New("token is bound to a key")
	ErrSubjectMissing   = errors.New("subject missing")
	ErrTokenRevoked     = errors.New("token revoked")
)

// fail returns a failure of a kind. Its internal text may contain only these claims, as
// package quote writes them: iss, aud, the claims that name the client, those that the
// issuer's require names, token_use, sub and times. Of others it may contain the name and the JSON form.
func fail(kind error, internal string) *denial.Error { return denial.New(kind, internal) }
