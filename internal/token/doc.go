// Package token reads and verifies bearer JWTs (RFC 7519, RFC 7515, RFC 8725).
//
// It reads a credential more strictly than the JOSE libraries do, verifies its signature with a key of the one issuer that its
// iss names, and checks its claims. What comes out is a [Token], which belongs to
// its request. It never fetches anything, never knows which route asked, and never
// looks at key material inside a token.
//
// The order is bytes before base64, base64 before JSON, header before claims,
// issuer before keys, keys before crypto, and crypto before any claim beyond
// iss is believed. The bytes that were verified are the bytes that were read:
// both are taken from the one string, once.
//
// Invariants:
//
//  1. Nothing is decoded before the whole credential has been seen to be three
//     runs of base64url bytes within the size limit
//     (TestVerifyRefuses, TestShapeIsCheckedBeforeDecoding).
//  2. The JSON of a header and of claims has no duplicate names, no invalid UTF-8,
//     no data after the object and bounded depth; names are compared exactly
//     (TestVerifyRefuses, FuzzVerifyClaims; package strictjson).
//  3. A token is verified only with keys of the issuer whose configured iss its
//     own equals byte for byte, and names nobody that another issuer with a
//     prefix names (TestVerifyKeepsIssuersApart, TestVerifyRefuses, TestIdentityClaim).
//  4. The algorithm is one that this issuer was configured with; none and HS*
//     cannot be configured, and a key of another kind or curve verifies nothing
//     (TestVerifyRefuses, TestNewVerifierRefusesAlgorithms, TestVerifyHoldsACarelessKeySource).
//  5. A token without a valid expiry does not pass (TestVerifyRefuses).
//  6. No error holds a token, a key, or a claim other than iss, aud, client_id,
//     azp, token_use, sub and times, and what a client wrote is quoted and cut
//     (TestFailuresHoldNoSecrets, TestFailuresHoldNoClaims,
//     TestFailuresOfAttacksHoldNoClaims).
//  7. A token that is on the current list of revoked tokens is rejected, also if it was
//     verified before it was on the list (TestRevoked, TestSetRevocations).
//  8. What a refused token nearly was is looked for only once it is refused, and
//     is no reason to take it (TestVerifyRefuses, TestNearIssuers).
package token
