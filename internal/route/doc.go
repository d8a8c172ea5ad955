// Package route decides which rule applies to a request and whether a verified token meets
// it.
//
// Routes match whole segments of the path that package request has decoded. The first
// route that matches decides, or the one that Envoy names. A rule's requirement is checked
// against the verified token and, by its condition (package condition), against the
// request. The package has no keys and no clock, and never sees a token that was not
// verified.
//
// Invariants:
//
//  1. A pattern matches whole segments, case-sensitively, of the path decoded once
//     (TestTableMatch, TestPatternPaths).
//  2. A request that no route matches gets the configured default, which is required or
//     deny, never open (TestTableDefault).
//  3. A requirement that nothing meets is never met: an empty list of groups meets no
//     requirement for a group (TestAuthorize).
//  4. A condition is checked last, and a rule with a condition allows only what the
//     condition allows (TestConditionComesLast).
//  5. A rule that Envoy chooses by name applies only to requests with its methods, hosts
//     and path (TestRuleCovers).
//  6. A request must also meet the rules that other readings of it would select: letter
//     case, final slash, HEAD as GET, an overriding method (TestSelect,
//     TestSelectIsItsDefinition).
package route
