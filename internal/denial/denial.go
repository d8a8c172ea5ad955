// Package denial has the error by which every check says why a request is denied.
//
// A check returns an [Error] whose kind is one of the exported errors of the check's
// package. Package gate turns it into a reason, and with that into what the client and
// the operator read. Nothing else in the program describes a denial.
//
// Fixes and near misses are closed lists: a check selects from them, and writes no hint of
// its own. Package gate follows every fix in a test, and each must end the denial (its
// invariant 12).
//
// Invariants:
//
//  1. An error is its kind to errors.Is, and its text is the kind and the internal
//     text (TestErrorIsItsKind).
package denial

import (
	"strings"
	"time"
)

// Error is why a request is denied. Its fields but Kind may be empty.
//
// The client never reads any of its texts: it gets the fixed public text of the kind,
// or that of the near miss.
type Error struct {
	// Kind is the failed check's error, such as token.ErrExpired. It selects the reason.
	Kind error
	// Near selects a public text that says more than the kind's.
	Near NearMiss
	// Internal says what was found and what was expected. It is for operators. What a
	// client wrote is quoted and cut in it. It holds no token, and of the claims only
	// those that the check's package documents.
	Internal string
	fixes    []Advice
	// Revealed are the parts of Internal and the hint that show a subject or a path. A log
	// that must not have these leaves the parts out.
	Revealed []string
	// RetryAfter is when a key that could not be had may be available.
	RetryAfter time.Duration
	// KeyID is the kid of the token's header, cut to 80 bytes. It proves nothing.
	KeyID string
	// Issuer (its name in the configuration) and Subject (with the issuer's prefix) are
	// set only when the token's signature was verified.
	Issuer  string
	Subject string
	// Scopes are those that the route asks for, when a scope is missing (RFC 6750
	// section 3, scope attribute).
	Scopes []string
	// MaxAge and ACRValues are what a new login has to meet, when the login does not
	// meet the route's requirement (RFC 9470 section 3).
	MaxAge    time.Duration
	ACRValues []string
}

// New returns an error of a kind with its internal text.
func New(kind error, internal string) *Error { return &Error{Kind: kind, Internal: internal} }

// Hint says what an operator, or the client's developer, can change so that the request
// would be allowed, in the words of the configuration: one or more fixes. It is as
// confidential as Internal. Empty: the hint of the kind applies.
func (e *Error) Hint() string {
	texts := make([]string, len(e.fixes))
	for i, one := range e.fixes {
		texts[i] = one.text
	}
	return strings.Join(texts, ", or ")
}

// Error returns the kind and the internal text.
func (e *Error) Error() string {
	if e.Internal == "" {
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Internal
}

// Unwrap returns the kind, for errors.Is.
func (e *Error) Unwrap() error { return e.Kind }
