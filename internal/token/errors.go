package token

import (
	"errors"
	"strconv"
	"time"
)

// Why a credential was refused. Each is matched with errors.Is; the order is
// the order of the checks.
var (
	ErrAmbiguous        = errors.New("more than one credential")
	ErrCrossSite        = errors.New("a cookie from another site")
	ErrMalformed        = errors.New("not a JWT")
	ErrTooLarge         = errors.New("token too large")
	ErrAlgNotAllowed    = errors.New("algorithm not allowed")
	ErrHeaderNotAllowed = errors.New("header parameter not allowed")
	ErrTypeNotAllowed   = errors.New("token type not allowed")
	ErrKIDMissing       = errors.New("key id missing")
	ErrIssuerUnknown    = errors.New("issuer unknown")
	ErrSignatureInvalid = errors.New("signature invalid")
	ErrClaimsMalformed  = errors.New("claims malformed")
	ErrExpiryMissing    = errors.New("expiry missing")
	ErrExpired          = errors.New("token expired")
	ErrNotYetValid      = errors.New("token not yet valid")
	ErrIssuedInFuture   = errors.New("token issued in the future")
	ErrLifetimeTooLong  = errors.New("token lifetime too long")
	ErrAudienceMismatch = errors.New("audience mismatch")
	ErrClientMismatch   = errors.New("client mismatch")
	ErrTokenUseMismatch = errors.New("token use mismatch")
	ErrSubjectMissing   = errors.New("subject missing")
)

// NearMiss names a mistake that is nearly right by its kind, so that a client's
// developer can be told what to change without being told anything of the
// token. The zero value is no near miss.
type NearMiss string

// The near misses.
const (
	// NearIDToken: an ID token where an access token is due.
	NearIDToken NearMiss = "id_token"
	// NearAccessToken: an access token where an ID token is due.
	NearAccessToken NearMiss = "access_token"
)

// Failure is why a token was refused, with what an operator may know of it.
// It unwraps to one of the package's errors, or to the error of the
// [KeySource] when no key could be had.
type Failure struct {
	Err  error
	Near NearMiss
	// Detail says what was found against what was due. What a client wrote is
	// quoted and cut in it; it holds no claim but iss, sub and times.
	Detail string
	// RetryAfter is when a key that could not be had may be there; it is set
	// when the error is the KeySource's.
	RetryAfter time.Duration
	// KeyID is the kid of the header, cut to 64 bytes; it proves nothing.
	KeyID string
	// Issuer (its name in the config) and Subject (with its prefix) are set
	// only when the signature held.
	Issuer  string
	Subject string
}

// Error renders the kind and the detail.
func (f *Failure) Error() string {
	if f.Detail == "" {
		return f.Err.Error()
	}
	return f.Err.Error() + ": " + f.Detail
}

// Unwrap returns the kind, for errors.Is.
func (f *Failure) Unwrap() error { return f.Err }

func fail(err error, detail string) *Failure { return &Failure{Err: err, Detail: detail} }

// maxQuoted bounds, in bytes, what of a client's own text stands in a detail.
const maxQuoted = 64

// cut bounds a client's own text to maxQuoted bytes.
func cut(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted]
	}
	return s
}

// quoted renders a client's own text so that it can neither break a line nor
// fill a log.
func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
