// Package config turns a configuration file, or environment variables, into plain
// validated data. It expands presets, sets defaults and records the position of
// each value, so that other packages can report their own mistakes with the right
// line and column.
//
// One table for each object (server.go, issuer.go, route.go and so on) lists its
// keys: what each key is for, how its value is written and its default. Package
// yamlform makes the decoder, the reference that [Keys] returns and the [Schema] for
// editors from these tables.
//
// The package never opens a network connection and never starts a goroutine. It
// opens only the configuration file and the files that it includes. It does not
// interpret match patterns and conditions (package route), key files (package
// issuer) or lists of revoked tokens.
//
// Security invariants, each with its tests:
//
//  1. Nothing in a file is ignored: package yamlform reads it strictly, and a key
//     that would have no effect on its route is a mistake (TestPlantedMistakes,
//     TestEverythingStated, TestCredentialsWithoutUse).
//  2. The value of a variable stays inside the scalar that names the variable: it
//     can never add a key, an item or a document (TestExpansionStaysInItsScalar).
//     Variables are not expanded in a condition (TestConditions).
//  3. An empty value never means "do not check": empty strings and lists are
//     mistakes wherever they would allow more requests (TestEmptyIsNeverUnchecked).
//  4. Every issuer has audiences or clients, a Cognito issuer has clients, and no
//     list of algorithms is empty or contains none or HS* (TestIssuerMistakes, TestCognitoMistakes,
//     TestIssuerValueMistakes, FuzzParse).
//  5. No iss value belongs to two issuers, and no prefix equals or begins with
//     another (TestIssuersTogether, FuzzParse).
//  6. Plain http is accepted only if a key or variable with "dangerously" in its
//     name enables it, or for a loopback emulator in environment mode
//     (TestIssuerMistakes, TestJWKSMistakes, TestEnvironmentEndpoint).
//  7. Each default is the safe choice: access and default are required, and
//     credentials are removed (TestDefaults).
//  8. Credentials are read only from the sources that the file lists: from a query
//     parameter only on routes that name it, and never from a header that identity
//     sets or strips (TestTokenSourceMistakes, TestSourceKeys, TestRouteCredentials).
//  9. A relaxation applies only to its own rule and only on its own hosts
//     (TestRelaxationsOpenOneHole, TestMatchHost).
//  10. A mistake about a URL never contains the password of the URL
//     (TestNoPasswordInMistakes).
//  11. An included file has only routes for its own hosts. They follow the routes of
//     the file that includes it. No other included file has the same hosts, and an
//     included file that cannot be read is a mistake (TestInclude, TestIncludeMistakes,
//     TestIncludePatterns, TestIncludeBrokenLink, TestIncludeOverlap).
//  12. A mistake in server.tls never disables TLS, and a client name that no
//     certificate can have is a mistake (TestTLSMistakes).
//  13. A provider only sets keys that a file could set, and a key of the file replaces its
//     value. Its credential for fetching keys never goes to another source of keys. An
//     issuer whose provider gives tokens to anybody requires a claim that says whose token
//     it is (TestProviderValues, TestProviderIsReplaced, TestProviderParametersAreVariables,
//     TestProviderMistakes).
//  14. What [Resolved] writes means the same as the file, and contains no password of a URL
//     (TestResolvedMeansTheSame, TestResolved).
package config
