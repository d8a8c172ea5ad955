// Package route decides which rule a request falls under and whether a verified
// token meets it.
//
// Routes are matched by whole segments of the path that package request has decoded. The
// first route that matches decides, or the one that Envoy names. A rule's requirement is
// checked against the verified token and, by its condition in CEL, against the request.
// The package has no keys and no clock, and never sees a token that was not verified.
//
// Invariants:
//
//  1. A pattern matches whole segments, case-sensitively, of the path decoded
//     once (TestTableMatch).
//  2. What no route matches falls to the configured default, which is required
//     or deny, never open (TestTableDefault).
//  3. A requirement that cannot be met is never met: an empty set of groups
//     satisfies no requirement for a group (TestAuthorize).
//  4. A condition that cannot be evaluated, for whatever reason, denies, and
//     what is said of it, or of one that is false, quotes no claim
//     and no token (TestConditionErrors, TestConditionDenialsQuoteNothing,
//     TestConditionFalseShows, TestConditionFalseShowsNoToken).
//  5. No token and no request makes a condition run for long
//     (TestConditionCostLimit).
//  6. A rule that is chosen by its name holds the request to its own methods,
//     hosts and template (TestRuleCovers).
package route
