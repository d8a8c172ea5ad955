// Package sample makes what the benchmark sends: keys, tokens that look like a
// Cognito pool's, and the CheckRequest that Envoy makes of one API call.
//
// It never sends anything, and no key of it leaves the process but by its public
// half.
//
// Invariants:
//
//  1. The request has the size it is said to have: 2,090 bytes with 21 headers
//     and a token of 1,085 bytes (TestTheRequestHasItsSize).
//  2. A request that was patched with a token is, byte for byte, one that
//     protobuf would have made with it (TestPatchedIsMarshalled).
//  3. Each token of a set differs from all others, has the same length, and
//     verifies with the set's key, but for a forged one (TestTokens).
package sample

// What the tokens say, and the gate's configuration expects.
const (
	Pool     = "us-west-1_6BpkgoczU"
	Issuer   = "https://cognito-idp.us-west-1.amazonaws.com/" + Pool
	ClientID = "3v5exampleclient3v5example"
	Group    = "members" // that every token is in
)
