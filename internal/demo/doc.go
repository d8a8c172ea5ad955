// Package demo implements `jwtgate demo`. It starts a loopback issuer, a sample
// application, jwtgate and a real Envoy on this machine, and gives a guided tour,
// which sends real requests through them and checks the responses.
//
// In a browser, users sign in at the loopback issuer, without a password. The pages of the
// sample application show them what it received, and which requests were denied and why.
//
// Envoy runs the shipped login.yaml with other addresses or, for a user's own configuration
// or application, envoy.yaml with the headers that it needs. jwtgate runs as a separate
// process with its normal command line. So users get the behavior that the tour shows.
//
// With a user's own configuration, the demo gives no tour. It replaces the keys of
// every issuer by those of the loopback issuer, so that developers can work offline
// with tokens that have any claims.
//
// Security invariants:
//
//  1. Everything listens on loopback (TestPortsAreLoopback), since any client that
//     reaches the issuer gets any token.
//  2. The demo does not write to the user's file (TestNothingIsLeftBehind). It
//     allows plain HTTP to the loopback key sets, and nothing else, in a copy
//     (TestRewriteOpensOnlyTheKeySets) that only this user can read
//     (TestNothingIsLeftBehind).
//  3. The demo's keys are not written to the user's key cache, where a later
//     `serve` would trust them: the copy has no cache_dir
//     (TestRewriteOpensOnlyTheKeySets).
//  4. No process of the demo outlives it (TestChildrenEndWithTheDemo,
//     TestNothingIsLeftBehind).
//  5. Only this user can read the secrets with which Envoy signs users in, which are new
//     in every demo (TestATourWithoutAGateFailsStepByStep).
package demo
