// Package gate decides requests: one request in, one [Decision] out.
//
// [Gate.Decide] is the pipeline: guard the path, match a route, extract the
// credential, verify the token, authorize its subject, map its identity. The
// first check that fails is the reason. Everything that leaves the program
// about a request (the answer to Envoy, the audit line, metric labels) is a
// rendering of the one Decision, so that they cannot disagree. The package knows
// neither protobuf nor gRPC, and logs no decision.
//
// Security invariants:
//
//  1. Each reason has one row that says what it means to a client, and no row
//     of a denial has a status below 400 (TestReasonsAreComplete).
//  2. A failure whose cause is not known is a denial, never an allowed request
//     (TestUnknownFailureIsDenied, TestEveryFailureHasItsReason).
//  3. One policy snapshot is loaded once for a request, and a config with a
//     mistake never becomes one (TestReloadSwapsWhole,
//     TestReloadRefused).
//  4. Identity headers are stripped on every allowed request, whatever the
//     route (TestDecideStripsOnEveryRoute).
//  5. Nothing that a client sent stands in what is told to it
//     (TestAnswersEchoNothing).
//  6. Only Envoy names a route, and one that is named holds the request to its
//     own methods, hosts and path (TestNamedRoute, TestContextExtensions).
//     Otherwise a request passes every rule that it selects under some reading
//     (TestFurtherRules).
//  7. Shadow and if_invalid let no identity and no credential through, and
//     neither opens a path, a closed route or one that does not fit
//     (TestShadowRoute).
//  8. An explanation is of the decision that Decide makes, and holds no token
//     (TestExplainAgreesWithDecide).
//  9. A candidate changes no decision and holds none up
//     (TestCandidateTellsDifferences, TestCandidateNeverBlocks,
//     TestCandidateNeverBlocksAtTheLastPlace).
//  10. An identity that decisions share is the one that would be made again: it holds
//     nothing of a request or of its time, and belongs to one token, rule, origin and set
//     of relaxations (TestSharedIdentity, TestSharedIdentityByRelaxation,
//     TestWhatIsNotShared, TestOddSpellingsShareNothing).
//  11. A token is verified with the keys of the issuer whose iss it names byte for
//     byte, and a remembered token falls with its key (TestKeysAreOfTheExactIssuer,
//     TestRememberedTokenFallsWithItsKey).
package gate
