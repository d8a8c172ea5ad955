// Package tokencache remembers verified tokens.
//
// A [Cache] keeps no token and no part of one that could be sent: an entry is found by
// the token's SHA-256 and holds what the token said. It also keeps what the gate made
// from the token, such as the identity that the application gets. It knows no route.
//
// Invariants:
//
//  1. A token that is recalled says what it said when it was verified, and no longer than
//     verifying it again would accept it: from its nbf and iat to its exp, while the
//     issuer's keys are the same, and unless it was revoked since
//     (TestCacheSaysTheSame, TestCacheHoldsNoLongerThanTheToken,
//     TestCacheOfAKeyWithdrawnMeanwhile).
//  2. A token that was refused is never remembered (TestCacheNeverHoldsWhatWasRefused).
//  3. What is remembered takes no more memory than was allowed (TestCacheTakesWhatItSays,
//     TestCacheIsBoundedAndResistsAScan).
package tokencache
