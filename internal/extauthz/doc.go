// Package extauthz speaks Envoy's external authorization protocol
// (envoy.service.auth.v3) for the gate.
//
// It turns a CheckRequest into a [request.Request] and a [gate.Decision] into a
// CheckResponse, and observes each decision. It has no rule of its own, and is
// the only package that knows Envoy's messages.
//
// Security invariants:
//
//  1. Each answer is an explicit CheckResponse: allowed only from a decision
//     whose verdict is allow, and denied with a status code that is not OK
//     otherwise, whatever the reason (TestNoDenialComesOutAsOK). Only a decision
//     whose verdict is answer has an HTTP status below 400 (TestAnswered).
//  2. The RPC never fails for what is in a request: what cannot be read is a
//     denial, and so is a panic (TestMalformedIsDenied, TestPanicIsDenied,
//     FuzzRequest). An RPC error would leave the verdict to Envoy's
//     failure_mode_allow; one is left, for a message above the size limit
//     (TestLongMessages).
//  3. A header that is set overwrites the client's own, in every version of
//     Envoy (TestSetOverwrites).
//  4. A CheckRequest is read as any reader of Protobuf reads it, or refused
//     (FuzzScan, TestScanRefuses, TestScanKnowsEachField).
//  5. Memory that is used again holds nothing of an earlier request (TestCallsForget,
//     TestScanForgets). When tests run, buffers are overwritten after use.
//  6. With certificates, nobody is answered who does not speak TLS, and with a
//     CA of clients nobody whose certificate it has not signed, or, if names are
//     given, has none of them (TestTLS, TestMutualTLS). Files that cannot be used
//     change nothing (TestRotation).
//  7. A span holds the decision and nothing of a token or its subject, and its
//     parent is the caller of the RPC, never a header of the request that is
//     decided (TestSpanOfACheck, TestTheClientsTraceContextIsNotOurs).
//  8. An answer that repeats is kept as a template. What comes out of it is the message
//     that would be made for the decision (TestTemplates, TestAllowedIsTheMessage,
//     TestDeniedIsTheMessage, FuzzAllowed, FuzzDenied).
//  9. What is remembered of tokens and of their answers changes no answer
//     (TestKnownTokensAreAnsweredAlike, TestAnEndThatMoves).
package extauthz
