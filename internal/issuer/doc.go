// Package issuer holds the trusted issuers and their keys: it fetches each
// issuer's key set (RFC 7517), keeps it fresh while it rotates, and lends it
// out, behind keyfunc, to whoever verifies tokens.
//
// A key set is fetched in the background, one fetch at a time for an issuer:
// at start, on a timer, and when a token names a kid that is not held. A
// request never fetches. It waits for a fetch only if its kid is not held, a
// fifth of a second at most. While an issuer cannot be reached its last good
// keys serve on, up to max_stale.
//
// # What it never does
//
// It never sees a token's claims or signature, and never uses key material
// that came with a token. A key from here says nothing of a token, not even
// that it is the issuer's: that is for the signature to prove.
//
// # Security invariants
//
//  1. An issuer answers with keys from its own source only (TestIssuersShareNoKeys),
//     and no two issuers of a set have the same name (TestMistakes). This package
//     never sees the iss of a token: package token finds the issuer by it, byte for
//     byte, and asks for keys by that issuer's name (its invariant 3).
//  2. A key is fit for the alg it is given for: by kty, curve, use, key_ops, its
//     own alg, size and exponent, and the issuer's list of algorithms. Symmetric
//     and private keys are never used (TestKeyFitsAlg, TestBadKeyAmongGood,
//     TestKeyRefusesAlgBeyondTheIssuersList, FuzzKeySet).
//  3. A token names its key: no kid, no key; and a kid that could mean two keys
//     means none (TestKeyWithoutKID, TestDuplicateKID).
//  4. Keys come over https from the configured place, or from the one that the
//     issuer's own discovery document names: no redirect to another host, no
//     proxy that was not configured, no plain http that was not opened by name
//     (TestMistakes, TestDiscovery, TestDiscoveryMayNotLeadToPlainHTTP,
//     TestDiscoveryThatTurnsHostile, TestFaultAndRecovery, TestTLS, TestProxy,
//     TestRedirectFromHTTPSToHTTPIsRefused).
//  5. An answer without a usable key changes nothing, and a bad key costs only
//     itself (TestAnswerWithoutAUsableKeyChangesNothing, TestUnusableDocument,
//     TestBadKeyAmongGood). No member of a key, or of a document's outermost
//     object, occurs twice (the same tests, TestDiscovery).
//  6. A key that left the set is trusted no longer: at once, or after a second
//     answer without it if it was in use, within a minute in any case
//     (TestWithdrawnKeyGoesAtOnceWhenItIsNotInUse,
//     TestWithdrawnKeyInUseGoesWhenASecondAnswerConfirmsIt,
//     TestWithdrawnKeyGoesWithinAMinuteThoughNothingConfirmsIt,
//     TestWithdrawnKeyGoesWithinAMinuteThoughItsConfirmationHangs). Epoch changes
//     whenever Key stops answering a kid with the key that it had
//     (TestEpochChangesWithTheAnswers, TestMaxStale). Package token then forgets the
//     tokens that it remembers of this issuer (its invariant 10).
//  7. Keys older than max_stale are not used (TestMaxStale,
//     TestMaxStaleWhileAFetchHangs, TestRestoredKeysGrowStaleInTime).
//  8. A kid is called unknown only once a fetch that began after it was first
//     seen has come back without it; a fetch that failed says nothing
//     (TestOnlyAFetchThatBeganLaterMakesAKIDUnknown,
//     TestFailedFetchSaysNothingOfAKID).
//  9. A flood of unknown kids causes one fetch per cooldown after a burst of 3,
//     fewer while they fail, grows no memory, slows nobody else, and delays a
//     true rotation by no more than the cooldown (TestUnknownKIDsBudget,
//     TestRotationDuringAFlood, TestKIDThatWasGuessedBeforeItsKey,
//     TestFloodCannotDefeatTheBackOff, TestWaitersAreBounded, TestStorm).
//  10. An answer is bounded in time, size and number of keys, so is the wait for
//     one, and one issuer's failure is no other's (TestFaultAndRecovery,
//     TestEndlessBodyTakesNoMemory, TestWaitIsBounded, TestHangingIssuer,
//     TestManyIssuers).
//  11. Keys on disk are used only if nobody else can have written them, they are
//     the issuer's, and within max_stale; a withdrawn key is not among them
//     (TestCacheFileRefused, TestCacheFileIsOurs, TestLeavingKeyIsNotKept,
//     TestOlderKeysReplaceNothingOnDisk).
//  12. Errors, statistics and log lines hold bytes from outside only quoted and
//     cut, and nothing of a URI's query (TestErrorsQuoteAndCutTheKID,
//     TestErrorsHideTheQuery, TestLogCutsKIDs).
//  13. When Close returns, no goroutine of the set runs (TestCloseWaitsForTheFetch)
//     or is left to run later (TestCloseLeavesNothing, TestManyIssuers), but for one
//     that waits for a disk which hangs (TestCloseWhileTheDiskHangs).
package issuer
