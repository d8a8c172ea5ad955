// Package issuer holds the trusted issuers and their keys. It fetches each
// issuer's key set (RFC 7517), follows its rotations, and returns keys for
// verification through keyfunc.
//
// A key set is fetched in the background, with at most one fetch per issuer in
// flight: at start, on a timer, and when a token has an unknown kid. A request
// never fetches. It waits for a fetch only if its kid is unknown, for at most
// 200 ms. While an issuer is unreachable, its last good keys stay in use, up to
// max_stale.
//
// # What it never does
//
// It never sees a token's claims or signature, and never uses key material
// from a token. A key that this package returns proves nothing about a token,
// not even that the issuer signed it. Only the signature proves that.
//
// # Security invariants
//
//  1. An issuer answers with keys from its own source only (TestIssuersShareNoKeys),
//     and no two issuers of a set have the same name (TestMistakes). This package
//     never sees the iss of a token: package token finds the issuer by it, byte for
//     byte or by the template of tenants: any, and asks for keys by that issuer's name
//     (its invariant 3).
//  2. A key is returned only for an alg that it fits, by kty, curve, use, key_ops,
//     its own alg, size and exponent, and by the issuer's list of algorithms.
//     Symmetric and private keys are never used (TestKeyFitsAlg,
//     TestBadKeyAmongGood, TestPEMKeySet, TestBadPEMAmongGood, TestKeyRefusesAlgBeyondTheIssuersList, FuzzKeySet).
//  3. A token without a kid gets a key only if exactly one key of the issuer fits its
//     alg, and a token whose kid is ambiguous gets none (TestKeyWithoutKID,
//     TestRestoredKeysWithoutKID, TestDuplicateKID). max_keys hides no ambiguity
//     (TestMaxKeysHidesNoAmbiguity, TestMaxKeysAfterARestart).
//  4. Keys come over https from the configured URL, while that cannot be fetched
//     from its fallbacks, or from the one that the issuer's own discovery document
//     names: no redirect to another host, no
//     proxy that was not configured, no plain http without dangerously_allow_http
//     (TestMistakes, TestFallback, TestFallbackGetsNoETagOfAnother,
//     TestFallbackIsNotAsked, TestFallbackNeedsHTTPS, TestCognitoReplica, TestDiscovery, TestDiscoveryMayNotLeadToPlainHTTP,
//     TestDiscoveryThatTurnsHostile, TestFaultAndRecovery, TestTLS, TestProxy,
//     TestRedirectFromHTTPSToHTTPIsRefused). The token of bearer_file is sent only to
//     the host of that URL, over https or to loopback, and nothing shows it
//     (TestBearerFile, TestBearerNeedsHTTPS, TestBearerStaysAtItsHost).
//  5. A response without a usable key changes nothing, and an unusable key does
//     not affect the other keys (TestAnswerWithoutAUsableKeyChangesNothing,
//     TestUnusableDocument, TestBadKeyAmongGood). A key with a repeated member is
//     unusable, and so is a document whose outermost object has one (the same
//     tests, TestDiscovery).
//  6. A key that left the set is no longer trusted: at once, or, if it was in use,
//     after a second response without it, but within a minute
//     (TestWithdrawnKeyGoesAtOnceWhenItIsNotInUse,
//     TestWithdrawnKeyInUseGoesWhenASecondAnswerConfirmsIt,
//     TestWithdrawnKeyGoesWithinAMinuteThoughNothingConfirmsIt,
//     TestWithdrawnKeyGoesWithinAMinuteThoughItsConfirmationHangs). Epoch changes
//     whenever Key no longer returns the key that it returned for a kid, or for a
//     token without one, before (TestEpochChangesWithTheAnswers, TestRotationWithoutKID,
//     TestMaxKeysWithdrawal, TestMaxStale). Package token then discards
//     its cached tokens of this issuer (its invariant 10). A fallback adds keys only: it
//     removes, replaces and confirms nothing while keys of the configured URL are held, and
//     its own keys leave as any other when that URL answers (TestFallbackOnlyAddsKeys,
//     TestFallbackAddsNoAmbiguity, TestFallbackConfirmsNothing,
//     TestKeysOfAFallbackAreWithdrawn, TestFallbackFromTheStart).
//  7. Keys older than max_stale are not used. It counts from the last answer of the
//     configured URL, also for keys that a fallback added; then the fallback's last answer
//     is used alone (TestMaxStale, TestFallbackDoesNotPostponeMaxStale,
//     TestMaxStaleWhileAFetchHangs, TestRestoredKeysGrowStaleInTime).
//  8. ErrKeyUnknown needs a fetch that began after the kid was first seen and
//     returned keys without it; a failed fetch proves nothing about a kid, nor
//     does a fallback that only adds keys (TestFallbackOnlyAddsKeys)
//     (TestOnlyAFetchThatBeganLaterMakesAKIDUnknown,
//     TestFailedFetchSaysNothingOfAKID).
//  9. A flood of unknown kids causes a burst of 3 fetches and then one per
//     cooldown, fewer while fetches fail. It uses a bounded amount of memory, does
//     not delay tokens with known kids, and delays a rotation by at most the
//     cooldown (TestUnknownKIDsBudget, TestRotationDuringAFlood,
//     TestKIDThatWasGuessedBeforeItsKey, TestFloodCannotDefeatTheBackOff,
//     TestWaitersAreBounded, TestStorm).
//  10. A response is bounded in time, size and number of keys; the wait for it is
//     bounded too, and the failure of one issuer does not affect another
//     (TestFaultAndRecovery, TestEndlessBodyTakesNoMemory, TestUnusableDocument,
//     TestContentEncoding, TestWaitIsBounded, TestHangingIssuer, TestManyIssuers).
//  11. Keys on disk are used only if no other user can have written them, they
//     belong to this issuer, and they are within max_stale; withdrawn keys are not
//     written (TestCacheFileRefused, TestCacheFileIsOurs, TestLeavingKeyIsNotKept,
//     TestOlderKeysReplaceNothingOnDisk).
//  12. Errors, statistics and log lines contain external bytes only quoted and
//     truncated, and never a URI's query (TestErrorsQuoteAndCutTheKID,
//     TestErrorsHideTheQuery, TestLogCutsKIDs).
//  13. When Close returns, no goroutine of the set runs (TestCloseWaitsForTheFetch)
//     or will run later (TestCloseLeavesNothing, TestManyIssuers), except one that
//     waits for a hanging disk (TestCloseWhileTheDiskHangs).
//  14. Discover returns endpoints only from a document in which a set finds a jwks_uri, and
//     refuses any other with the set's error (TestDiscovery, TestDiscover).
package issuer
