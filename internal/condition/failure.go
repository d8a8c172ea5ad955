package condition

import (
	"errors"
	"slices"
	"strings"

	"cel.dev/cel-go/interpreter"

	"github.com/jwtgate/jwtgate/internal/denial"
)

// failure is why a condition could not be evaluated. The kinds are fixed texts, because
// CEL's own texts may quote claims.
type failure string

const (
	failedKey      failure = "no such key"
	failedIndex    failure = "no such index"
	failedType     failure = "type"
	failedNumber   failure = "number"
	failedCost     failure = "cost limit"
	failedIssuedAt failure = "no iat"
	failedOther    failure = "evaluation"
)

// noIssuedAt is the error of token.issued_at if the token has no iat.
const noIssuedAt = "the token has no iat"

// failureOf returns the kind of an error of CEL. Only its text tells the kinds apart.
func failureOf(err error) failure {
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) {
		return failedCost
	}
	text := err.Error()
	begins := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
	}
	switch {
	case text == noIssuedAt:
		return failedIssuedAt
	case begins("no such key"):
		return failedKey
	case begins("index out of bounds", "index '"):
		return failedIndex
	case begins("division by zero", "modulus by zero", "integer overflow", "unsigned integer overflow", "range"):
		return failedNumber
	case begins("no such overload", "no matching overload", "found no matching overload", "type conversion error", "unsupported",
		"unexpected type", "got '"):
		return failedType
	}
	return failedOther
}

// fixes are how to change the condition or the tokens so that it can be evaluated.
func (f failure) fixes() []denial.Advice {
	switch f {
	case failedKey:
		return []denial.Advice{denial.FixHas.With()}
	case failedIndex:
		return []denial.Advice{denial.FixListLength.With()}
	case failedType:
		return []denial.Advice{denial.FixClaimType.With()}
	case failedNumber:
		return []denial.Advice{denial.FixArithmetic.With()}
	case failedCost:
		return []denial.Advice{denial.FixCheaper.With(), denial.FixShorterValues.With()}
	case failedIssuedAt:
		return []denial.Advice{denial.FixIssuedAt.With(), denial.FixNoIssuedAt.With()}
	}
	return []denial.Advice{denial.FixSimpler.With()}
}
