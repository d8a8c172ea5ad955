// Package token reads and verifies bearer JWTs (RFC 7519, RFC 7515, RFC 8725).
//
// It reads a credential more strictly than the JOSE libraries do, verifies the signature
// with a key of the issuer that iss names, and checks the claims. The result is a [Token],
// which belongs to one request. The package never fetches anything, does not know routes,
// and never reads key material inside a token.
//
// It checks the bytes before it decodes base64, base64 before it parses JSON, the header
// before the claims, the issuer before it asks for a key, and the signature before it uses
// any claim except iss. The signature is verified over the same string from which the
// claims are read.
//
// Invariants:
//
//  1. Nothing is decoded before the whole credential was checked: three parts of base64url
//     bytes within the size limit (TestVerifyRefuses, TestShapeIsCheckedBeforeDecoding).
//  2. The JSON of a header and of claims has no duplicate names, no invalid UTF-8, no data
//     after the object and a limited depth; names are compared byte for byte
//     (TestVerifyRefuses, FuzzVerifyClaims; package strictjson).
//  3. A token is verified only with keys of the issuer whose configured iss equals the
//     token's iss byte for byte, and its names do not begin with the prefix of another
//     issuer (TestVerifyKeepsIssuersApart, TestVerifyRefuses, TestIdentityClaim). With
//     tenants: any, the token's iss is the configured template filled with the ID of a
//     tenant, which tid must equal and which each prefix contains (TestAnyTenantOfAToken,
//     TestAnyTenantRefused). Without iss, the issuer is found by the trust domain of its
//     SPIFFE ID (TestTrustDomain).
//  4. The algorithm is one that is configured for this issuer. none and HS* cannot be
//     configured, and a key of another type or curve does not verify a signature
//     (TestVerifyRefuses, TestNewVerifierRefusesAlgorithms, TestVerifyHoldsACarelessKeySource).
//  5. A token without a valid expiry is rejected (TestVerifyRefuses).
//  6. An error contains no token, no key, and no claim except iss, aud, those that name
//     the client or that require names, token_use, sub and times. Text from a client is quoted and cut
//     (TestFailuresHoldNoSecrets, TestFailuresHoldNoClaims,
//     TestFailuresOfAttacksHoldNoClaims).
//  7. A token that is on the current list of revoked tokens is rejected, also if it was
//     verified before it was on the list (TestRevoked, TestSetRevocations).
//  8. The search for a near miss begins after a token is rejected, and never makes a token
//     valid (TestVerifyRefuses, TestNearIssuers).
//  9. What is done with each claim in each JSON form is what docs/claims.md says
//     (TestClaimForms).
package token
