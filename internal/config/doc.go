// Package config turns a configuration file, or the environment, into plain
// validated data: every preset expanded, every default filled in, and the place
// of each value kept, so that other packages can report their own mistakes at
// the right line and column.
//
// One table per object (server.go, issuer.go, route.go and so on) names its
// keys, what each is for, what form its value has and its default. The decoder,
// the reference that [Keys] returns and the [Schema] for editors are all made
// from these tables, by package yamlform.
//
// What the package never does: it opens no network connection, starts no
// goroutine, opens no file but those that it is given to read and those that a
// configuration includes, and gives no meaning to a match pattern or a condition
// (package route), to a key file (package issuer) or to a list of revoked
// tokens.
//
// Security invariants, each with the test that holds it:
//
//  1. Nothing in a file is ignored: package yamlform reads it strictly, and a key
//     that would have no effect on its route is a mistake (TestPlantedMistakes,
//     TestEverythingStated, TestCredentialsWithoutUse).
//  2. A variable's value stays inside the scalar that names it: it can never
//     add a key, an item or a document (TestExpansionStaysInItsScalar). A
//     condition holds what is written, whatever the environment says
//     (TestConditions).
//  3. An empty value never means "do not check": empty strings and lists are
//     mistakes wherever they would widen what is let through
//     (TestEmptyIsNeverUnchecked).
//  4. Every issuer names whom it speaks to: it has audiences or clients, a
//     Cognito issuer has clients, and no list of algorithms is empty or holds
//     none or HS* (TestIssuerMistakes, TestCognitoMistakes,
//     TestIssuerValueMistakes, FuzzParse).
//  5. No iss value belongs to two issuers, and no prefix equals or begins with
//     another (TestIssuersTogether, FuzzParse).
//  6. Plain http is taken only where a key or variable that says "dangerously"
//     opens it, or to a loopback emulator in environment mode
//     (TestIssuerMistakes, TestJWKSMistakes, TestEnvironmentEndpoint).
//  7. What is not written is the safe choice: access required, default
//     required, credentials removed (TestDefaults).
//  8. A credential is read where the file says and nowhere else: a query only
//     on routes that name it, and no header that identity sets or strips
//     (TestTokenSourceMistakes, TestSourceKeys, TestRouteCredentials).
//  9. A relaxation opens its own hole and no other, on its own hosts and no
//     others (TestRelaxationsOpenOneHole, TestMatchHost).
//  10. What a mistake says of a key or variable that holds a URL never has the
//     URL's password in it (TestNoPasswordInMistakes).
//  11. An included file has routes for its own hosts and nothing else, behind
//     those of the file that includes it; no other included file has these hosts,
//     and one that cannot be read is a mistake (TestInclude, TestIncludeMistakes,
//     TestIncludePatterns, TestIncludeBrokenLink, TestIncludeOverlap).
//  12. No TLS is not what a server.tls with a slip in it means, and a name of a
//     client that could never be one is a mistake (TestTLSMistakes).
package config
