// Package sample creates what the benchmark sends: tokens like those of a
// Cognito pool, and the CheckRequest that Envoy sends for one API call.
//
// It never sends anything, and no private key leaves the process.
//
// Invariants:
//
//  1. The request has the documented size: 2,090 bytes with 21 headers and a
//     token of 1,085 bytes (TestTheRequestHasItsSize).
//  2. A request into which a token was copied has the bytes that protobuf writes
//     for the same request (TestAppendWritesWhatProtobufWrites).
//  3. All tokens of a set are different and of the same length, and their
//     signatures are valid unless the set is forged (TestTokens).
package sample

// Claims of the tokens, which the configuration of the gate expects.
const (
	Pool     = "us-west-1_6BpkgoczU"
	Issuer   = "https://cognito-idp.us-west-1.amazonaws.com/" + Pool
	ClientID = "3v5exampleclient3v5example"
	Group    = "members" // in every token
)
