package token

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/denial"
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

// fail returns a failure of this kind. Its internal text names claims only of iss, aud,
// client_id, azp, token_use, sub and times, and of a list at most four items.
func fail(kind error, internal string) *denial.Error { return denial.New(kind, internal) }

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
