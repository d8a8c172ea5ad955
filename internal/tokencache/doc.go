// Package tokencache remembers verified tokens.
//
// A [Cache] contains no token and no part of one that could be sent: the key of an entry is
// the SHA-256 of the token, and the entry has what the token said. The cache also keeps what
// the gate made from the token, such as the identity for the application. It does not know
// routes.
//
// Invariants:
//
//  1. A recalled token says the same as when it was verified, and is valid only as long as
//     verifying it again would succeed: from nbf and iat until exp, while the issuer's keys
//     do not change, and until it is revoked (TestCacheSaysTheSame,
//     TestCacheHoldsNoLongerThanTheToken, TestCacheOfAKeyWithdrawnMeanwhile).
//  2. A rejected token is never remembered (TestCacheNeverHoldsWhatWasRefused).
//  3. The cache does not take more memory than its limit (TestCacheTakesWhatItSays,
//     TestCacheIsBoundedAndResistsAScan).
package tokencache
