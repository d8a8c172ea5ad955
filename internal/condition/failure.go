package condition

import (
	"errors"
	"slices"
	"strings"

	"cel.dev/cel-go/interpreter"
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

// hint says how to change the condition or the tokens so that it can be evaluated.
func (f failure) hint() string {
	switch f {
	case failedKey:
		return `check first that an optional claim or header is present: has(claims.email) && ..., or "cognito:groups" in claims && ...`
	case failedIndex:
		return "check the length of the list first: size(list) > 0 && ..."
	case failedType:
		return "check the type of the claim first: type(claims.level) == int && ..."
	case failedNumber:
		return "guard the arithmetic, for example against division by zero"
	case failedCost:
		return "write a cheaper condition, or shorten the lists and strings that it reads"
	case failedIssuedAt:
		return "have the issuer put iat into its tokens, or do not use token.issued_at in the condition"
	}
	return "write a simpler condition"
}
