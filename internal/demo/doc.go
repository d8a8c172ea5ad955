// Package demo is `jwtgate demo`: a loopback issuer, a sample application,
// jwtgate and a real Envoy, started together on this machine, and a guided tour
// that sends real requests through them and checks what comes back.
//
// Envoy runs the shipped envoy.yaml with other addresses, and for a user's own
// configuration with the headers that it needs, at most; and jwtgate runs as its
// own process, by its own command line. So what the tour shows is what a user
// gets, and nothing of this package is needed to serve.
//
// With a user's own configuration there is no tour: every issuer's keys are
// then the loopback issuer's, so that a developer works offline with tokens of
// any claims.
//
// Security invariants:
//
//  1. Everything listens on loopback (TestPortsAreLoopback), since whoever
//     reaches the issuer gets any token.
//  2. The user's file is never written to. What the demo must loosen, plain
//     HTTP to the loopback key sets, is loosened in a copy that only its own
//     user can read (TestRewriteOpensOnlyTheKeySets).
//  3. The demo's keys never reach the user's key cache: the copy has no
//     cache_dir (TestRewriteOpensOnlyTheKeySets), or a later `serve` would
//     trust them.
//  4. No process outlives the demo (TestChildrenEndWithTheDemo).
package demo
