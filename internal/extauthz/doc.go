// Package extauthz implements Envoy's external authorization protocol
// (envoy.service.auth.v3) for the gate.
//
// It converts a CheckRequest to a [request.Request] and a [gate.Decision] to a
// CheckResponse, and reports each decision to the observers. It makes no decision of its
// own, and is the only package that knows Envoy's messages.
//
// Security invariants:
//
//  1. Each answer is an explicit CheckResponse. It allows the request only if the verdict
//     of the decision is allow; otherwise it denies it, with a status code that is not OK,
//     whatever the reason (TestNoDenialComesOutAsOK). Only a decision whose verdict is
//     answer has an HTTP status below 400 (TestAnswered).
//  2. The RPC never fails because of the contents of a request: a request that cannot be
//     read is denied, and so is one that causes a panic (TestMalformedIsDenied,
//     TestPanicIsDenied, TestPanicWhileRendering, FuzzRequest). With an RPC error, Envoy's
//     failure_mode_allow would decide. The exceptions are messages above the size limit
//     and compressed messages (TestLongMessages, TestNoCompression).
//  3. A header that is set overwrites the client's, in every version of Envoy
//     (TestSetOverwrites).
//  4. A CheckRequest is read as Protobuf reads it, or rejected (FuzzScan, TestScanRefuses,
//     TestScanDepth, TestScanKnowsEachField).
//  5. Memory that is reused contains nothing of an earlier request (TestCallsForget,
//     TestScanForgets), and no call gets the answer of another one
//     (TestEachCallGetsItsOwnAnswer). In tests, buffers are overwritten after use
//     (TestBuffersAreOverwritten).
//  6. With certificates, only clients that use TLS are answered. With a CA for clients, they
//     also need a certificate that it signed and, if names are configured, one of these
//     names (TestTLS, TestMutualTLS). Files that cannot be used change nothing
//     (TestRotation).
//  7. A span contains the decision and nothing of a token or its subject. Its parent is the
//     caller of the RPC, never a header of the request that is decided (TestSpanOfACheck,
//     TestTheClientsTraceContextIsNotOurs).
//  8. An answer that repeats is kept as a template. An answer from a template equals the
//     message that would be built for the decision (TestTemplates, TestTemplatesOfEachField,
//     TestTemplatesAreNotMixedUp, TestIDsInOtherPlaces, TestAnswersAfterAReload,
//     TestAllowedIsTheMessage, TestDeniedIsTheMessage, FuzzAllowed, FuzzDenied).
//  9. What the gate remembers of tokens, and the templates of their answers, changes no
//     answer (TestKnownTokensAreAnsweredAlike, TestAnEndThatMoves).
package extauthz
