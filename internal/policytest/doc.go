// Package policytest runs a user's own tests of a policy: requests with tokens
// minted for the occasion, and the verdict, reason, route, status and headers
// that are expected of each. Every request goes through the very gate that
// serves, over the user's very config, so that what passes here is what is
// decided there.
//
// [Load] reads case files, [Run] decides the cases and [Report] says what came
// out, for people and as JUnit XML. A case file looks like this:
//
//	tokens:                       # optional: tokens that cases share
//	  alice: {issuer: cruddur, claims: {sub: alice, "cognito:groups": [admin]}}
//	cases:
//	  - name: an admin may list   # by default the method and the path
//	    request: {method: GET, path: /admin/1, host: api.example, headers: {x-a: b}}
//	    token: alice              # a name, none, {raw: TEXT}, or one written out
//	    in: {cookie: session}     # by default where the route looks first
//	    at: +2h                   # when it is decided, from when the token is made
//	    expect: {verdict: allow, reason: allowed, headers: {x-user-id: alice, x-user-email: null}}
//	  - request: GET /api/health
//	    expect: {reason: public}
//
// What a token's claims leave open is filled in such that its issuer's rules
// hold; a claim that is null is left out. In exp, nbf, iat and auth_time a
// signed duration such as -10m is that long before the token is made.
//
// What the package never does: it opens no connection, asks no issuer for keys,
// holds no rule of the policy and needs no running server. The keys
// that it signs with are made for one run, and no token of theirs is written
// anywhere.
//
// Security invariants:
//
//  1. No key and no token of a run is of use outside of it: the keys are new
//     each time, the directory that holds their public halves is closed to
//     others, and it is gone afterwards (TestRunLeavesNothingBehind).
//  2. Nothing in a case file is ignored: a key that is unknown or repeated, a
//     word that is not one of those there are and a header that the gate never
//     sets are mistakes, since a test that checks less than it says is worse
//     than none (TestMistakes, FuzzLoad).
//  3. A case that could not be decided is never a case that passed
//     (TestRunEndsWithItsContext, TestUndecidedCaseFails).
//  4. No report holds a token (TestReportsHoldNoToken).
//  5. What the caller's config says of issuers' keys is not changed, and not
//     asked (TestConfigIsLeftAlone).
package policytest
