// Package condition compiles the conditions of routes, written in CEL, and evaluates them
// against a verified token and a request.
//
// A condition sees the variables that [variables] lists and those of its route's path
// template. It has CEL's standard functions and macros, and no others. The package says
// what is wrong with a condition in terms of the configuration, and which parts of a
// request a condition reads. It matches no route and verifies no token.
//
// Invariants:
//
//  1. A condition that cannot be evaluated, for any reason, denies (TestConditionErrors,
//     TestConditionPanics).
//  2. The text of a denial contains no claim, no header and no query, and nothing that may
//     be a token (TestConditionDenialsQuoteNothing, TestConditionFalseShows,
//     TestConditionFalseShowsNoToken).
//  3. No token and no request makes a condition run for long (TestConditionCostLimit,
//     TestRegexIsBoundedBeforehand).
//  4. Every header that a condition reads is reported (TestHeadersRead).
package condition
