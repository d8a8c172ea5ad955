// Package gate decides requests: one request in, one [Decision] out.
//
// [Gate.Decide] is the pipeline: check the path and the host, match a route, extract the
// credential, verify the token, authorize its subject, map its identity. The first check
// that fails is the reason. Everything that leaves the program about a request (the answer
// to Envoy, the audit line, metric labels, the explanation) is a rendering of the one
// Decision, so that they cannot disagree. A Decision has three outcomes (allow, deny,
// answer) and may add response headers to an allowed request. The package knows neither
// Protobuf nor gRPC, and logs no decision.
//
// Security invariants:
//
//  1. Each reason has one row that says what it means to a client, and no row
//     of a denial has a status below 400 (TestReasonsAreComplete).
//  2. A failure of an unknown kind is a denial, never an allowed request
//     (TestUnknownFailureIsDenied, TestEveryFailureHasItsReason, TestRefuse).
//  3. A request is decided by one policy, which is loaded once, and a config with
//     a mistake never becomes a policy (TestReloadSwapsWhole,
//     TestReloadDuringADecision, TestReloadRefused, TestMistakesOfAllParts,
//     TestBrokenRevokedKeepsTheOldList).
//  4. Identity headers are removed from every allowed request, on every route
//     (TestDecideStripsOnEveryRoute).
//  5. A denial contains nothing that the client sent (TestAnswersEchoNothing).
//  6. Only Envoy names a route. A request with a named route must match its
//     methods, hosts and path (TestNamedRoute, TestContextExtensions). Without a
//     named route, a request must pass every rule that some interpretation of it
//     matches (TestFurtherRules).
//  7. With shadow and if_invalid, a request that fails a check is forwarded
//     without identity and without credential. Neither setting allows a refused
//     path, a route with access deny, or a named route that does not match
//     (TestShadowRoute, TestShadowGate).
//  8. An explanation describes the decision that Decide makes, and contains no
//     token (TestExplainAgreesWithDecide).
//  9. A candidate changes no decision and delays none. It decides a copy of the
//     request (TestCandidateTellsDifferences, TestCandidateNeverBlocks,
//     TestCandidateNeverBlocksAtTheLastPlace, TestCandidateKeepsCopies,
//     TestCandidateComparesDecisionsOnly).
//  10. A shared identity equals the one that would be made for the request. It contains
//     nothing of one request or its time, and belongs to one token, rule, origin and set
//     of relaxations (TestSharedIdentity, TestSharedIdentityByRelaxation,
//     TestWhatIsNotShared, TestOddSpellingsShareNothing, TestFurtherRulesShareNothing).
//  11. A token is verified with the keys of the issuer whose configured iss is byte for
//     byte the token's, or, with tenants: any, is the template of the token's iss, filled
//     with the ID of the tenant (TestKeysAreOfTheExactIssuer, TestAnyTenant). Any number of
//     tenants have one key set (TestAnyTenantIsBounded). A cached token is not accepted
//     after its key has been removed (TestRememberedTokenFallsWithItsKey).
//  12. The hint of a denial consists of fixes of package denial. Each of them ends that
//     denial alone, and none was made already (TestEveryHintIsTrue).
package gate
