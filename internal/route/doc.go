// Package route decides which rule a request falls under and whether a verified
// token meets it.
//
// A path is first held to a guard that refuses every spelling which an
// application might read otherwise than the gate does; what is left is decoded
// once and matched by whole segments. The first route that matches decides,
// or the one that Envoy names. What a rule asks for is looked for in the verified
// token and, by its condition in CEL, in what the caller says of the request. The
// package has no keys and no clock, and never sees a token that was not verified.
//
// Invariants:
//
//  1. A path that two readers could take apart differently is refused before
//     any route is looked for, on public routes too, save by a hole that is
//     opened by name and opens no other (TestParsePathRefuses, FuzzParsePath,
//     TestParsePathRelaxed, FuzzParsePathRelaxed).
//  2. A pattern matches whole segments, case-sensitively, of the path decoded
//     once (TestTableMatch).
//  3. What no route matches falls to the configured default, which is required
//     or deny, never open (TestTableDefault).
//  4. A requirement that cannot be met is never met: an empty set of groups
//     satisfies no requirement for a group (TestAuthorize).
//  5. A condition that cannot be evaluated, for whatever reason, denies, and
//     what is said of it, or of one that is false, quotes no claim
//     and no token (TestConditionErrors, TestConditionDenialsQuoteNothing,
//     TestConditionFalseShows, TestConditionFalseShowsNoToken).
//  6. No token and no request makes a condition run for long
//     (TestConditionCostLimit).
//  7. A rule that is chosen by its name holds the request to its own methods,
//     hosts and template (TestRuleCovers).
package route
