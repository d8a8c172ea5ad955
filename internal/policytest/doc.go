// Package policytest runs a user's tests of a configuration. Each test case is a
// request, usually with a token minted for it, and the expected verdict, reason, route,
// status and headers. Requests are decided by the same gate as in production, with the
// user's configuration.
//
// [Load] reads case files, [Run] decides the cases, and [Report] writes the results as
// text or as JUnit XML. A case file looks like this:
//
//	tokens:                       # optional: tokens for several cases
//	  alice: {issuer: cruddur, claims: {sub: alice, "cognito:groups": [admin]}}
//	cases:
//	  - name: an admin may list   # by default the method and the path
//	    request: {method: GET, path: /admin/1, host: api.example, headers: {x-a: b}}
//	    token: alice              # a name, none, {raw: TEXT}, or a whole token
//	    in: {cookie: session}     # by default the route's first source
//	    at: +2h                   # decide this long after the token is made
//	    expect: {verdict: allow, reason: allowed, headers: {x-user-id: alice, x-user-email: null}}
//	  - request: GET /api/health
//	    expect: {reason: public}
//
// Claims that a token does not set get values that the rules of its issuer accept; a
// claim that is null is omitted. In exp, nbf, iat and auth_time, a signed duration such
// as -10m is relative to the time at which the token is made.
//
// The package never opens a connection or fetches keys of issuers, contains no rules of
// the policy, and needs no running server. Its signing keys are generated for each run,
// and the tokens are never written anywhere.
//
// Security invariants, each with its tests:
//
//  1. The keys and tokens of a run are useless outside of it: keys are generated for
//     each run, and the directory with the public keys is private and removed at the
//     end (TestRunLeavesNothingBehind).
//  2. Nothing in a case file is ignored: an unknown or repeated key, an unknown value
//     and a header that the gate never sets are mistakes, because a test that checks
//     less than it claims is worse than none (TestMistakes, FuzzLoad).
//  3. A case that could not be decided never passes
//     (TestRunEndsWithItsContext, TestUndecidedCaseFails).
//  4. Reports never contain a token (TestReportsHoldNoToken).
//  5. The caller's configuration is not changed, and the key sets that it names are
//     not read (TestConfigIsLeftAlone).
package policytest
