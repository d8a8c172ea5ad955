package token

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Why a credential was refused. Each is matched with errors.Is; the order is
// the order of the checks.
var (
	ErrMissing          = errors.New("no credential")
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
	ErrTokenBound       = errors.New("token is bound to a key")
	ErrSubjectMissing   = errors.New("subject missing")
	ErrTokenRevoked     = errors.New("token revoked")
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

	// NearNoScheme: a JWT in Authorization without the Bearer scheme.
	NearNoScheme NearMiss = "no_scheme"

	// NearScheme: a token with the Bearer scheme, where it is read without one.
	NearScheme NearMiss = "scheme"

	// NearIssuerSlash: an iss that is a configured one but for its final slash.
	NearIssuerSlash NearMiss = "issuer_slash"
	// NearIssuerScheme: an iss that is a configured one but for http, https, or
	// neither in front.
	NearIssuerScheme NearMiss = "issuer_scheme"
	// NearIssuerHost: an iss that is a configured one but for its host, and has a
	// path; or but for the host's case.
	NearIssuerHost NearMiss = "issuer_host"
	// NearIssuerCognito: an iss that is another form, or another region's, of a
	// Cognito user pool that is configured.
	NearIssuerCognito NearMiss = "issuer_cognito"

	// NearClientInAudience: the client that is due stands in aud, and not in
	// client_id or azp.
	NearClientInAudience NearMiss = "client_in_audience"
	// NearOtherIssuersClient: the client is one of another configured issuer.
	NearOtherIssuersClient NearMiss = "other_issuers_client"
	// NearOtherIssuersAudience: aud holds an audience of another configured issuer.
	NearOtherIssuersAudience NearMiss = "other_issuers_audience"
	// NearAudienceIsClient: what is configured as an audience is the token's client.
	NearAudienceIsClient NearMiss = "audience_is_client"
)

// Failure is why a token was refused, with what an operator may know of it.
// It unwraps to one of the package's errors, or to the error of the
// [KeySource] when no key could be had.
type Failure struct {
	Err  error
	Near NearMiss
	// Detail says what was found against what was due. It is for operators: what
	// a client wrote is quoted and cut in it, of a list no more than four items
	// stand there, and of claims it holds iss, aud, client_id, azp, token_use, sub
	// and times only.
	Detail string
	// Mend says what the operator, or the client's developer, can change, by the
	// names that the config has. It is for operators and as tight as Detail;
	// empty where the kind says it all.
	Mend string
	// RetryAfter is when a key that could not be had may be there, as the error
	// of the KeySource says.
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

// mend adds what can be changed.
func (f *Failure) mend(text string) *Failure {
	f.Mend = text
	return f
}

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

// maxListed bounds how many items of a list stand in a detail.
const maxListed = 4

// listed renders items, each quoted and cut, and counts those that are left out.
func listed(items []string) string {
	var text strings.Builder
	for i, item := range items[:min(len(items), maxListed)] {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(quoted(item))
	}
	if more := len(items) - maxListed; more > 0 {
		fmt.Fprintf(&text, " and %d more", more)
	}
	return text.String()
}

// oneOf renders items of which one is meant.
func oneOf(items []string) string {
	if len(items) == 1 {
		return listed(items)
	}
	return "one of " + listed(items)
}

// span renders a time that has gone by, or will, in its largest unit.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return strconv.Itoa(int(d/day)) + " days"
	case d >= time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d >= time.Minute:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}
