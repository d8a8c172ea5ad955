// Package envoylint compares an Envoy configuration, which is a bootstrap file or
// the answer of a running Envoy (/config_dump), with what a jwtgate configuration
// needs. It reports each setting that lets requests bypass the gate or makes them
// fail: its path, its place in the file, what can happen and what to write instead.
//
// It reads a file into a tree of values with their places, and not into Envoy's
// protobuf messages: messages have no lines and columns, their parsers reject the
// whole file for one field or extension of a newer Envoy, and the program would
// have to link all of Envoy's extensions. Each value of the tree has the type that
// Envoy reads it as, from the descriptions in envoyproto, and the rules look for
// types. So they find a filter chain or a route anywhere in the file and in every
// form that Envoy accepts: YAML or JSON, snake or camel case, names or numbers of
// enumerations, TypedStruct, a single value instead of a list. Something unknown is
// a finding on the path from a listener to the router, and a note elsewhere.
//
// It reads the file only: it opens no connection, looks up no name and reads no
// file that this one names. So it does not know what a script in a filter does, who
// else can connect to the application, or whether a certificate is valid.
//
// The end-to-end tests show for each rule, on a real Envoy, that the setting has the
// effect that the rule describes and that the fix removes it.
//
// Security invariants:
//
//  1. Every rule has its texts, and every finding its rule (TestRulesAreComplete).
//  2. Reading any bytes ends in findings or in an error that names the file, with
//     bounded memory (TestUnreadable, FuzzLint), in a time that grows linearly with
//     the file (TestCountingLinesIsLinear, TestFindingsCostIsLinear,
//     TestExpressionLimits).
//  3. The shipped Envoy file, for any configuration with the edits that `check`
//     prints, has no finding (TestTheShippedFileIsClean).
//  4. A finding points at the line to edit (TestPlaces).
//  5. If Envoy 1.40 loads a file and forwards some request without a call to the
//     gate, there is a finding, or a finding that something was not read
//     (TestEveryBypassIsFound, and the lint guard in the end-to-end tests).
//  6. A rule about releases of Envoy reports only releases that an advisory or a release
//     note names as affected (TestReleases, TestUnknownReleases, TestVersionsAreComplete).
//  7. No name in the file forges or wipes a line of what is printed
//     (TestWriteTextOfHostileNames).
package envoylint
