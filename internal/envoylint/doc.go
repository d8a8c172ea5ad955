// Package envoylint reads an Envoy configuration, as a bootstrap or as a running
// Envoy tells it (/config_dump), beside what one jwtgate configuration needs, and
// names each setting that opens a hole or breaks availability, with its path, its
// place, why it matters and what to write instead.
//
// A file is read as a tree of values with their places, and not into Envoy's
// protobuf messages: those keep no lines and columns, refuse the whole file for
// one field or extension of a newer Envoy, and would link every extension there
// is. Each value of the tree has the type that Envoy reads it as, from the
// descriptions in envoyproto, and the rules look for types: a filter chain or a
// route is found wherever it stands, in each form that Envoy takes (YAML or JSON,
// snake or camel case, names or numbers of enumerations, TypedStruct, a lone value
// in place of a list). What is unknown is a note, and on the path from a listener
// to the router a finding.
//
// It decides from the file alone: nothing is asked, no name looked up, no file
// that this one names is read. So it cannot tell what a script in a filter does,
// who else reaches the application, or whether a certificate is good.
//
// The end-to-end tests show for each rule, on a real Envoy, that the setting does
// what the rule says and that its mend ends it.
//
// Security invariants:
//
//  1. Every rule has its texts, and both platforms' ways name rules that there
//     are (TestRulesAreWhole).
//  2. Whatever the bytes, reading ends in findings or in an error that names the
//     file, and takes bounded memory (TestUnreadable, FuzzLint), in a time that
//     grows with the file and not with its square (TestCountingGoesOn,
//     TestFindingsCostTheSame).
//  3. The shipped Envoy file, for any configuration with the edits that `check`
//     asks for, has no finding (TestTheShippedFileIsClean).
//  4. A finding points at the line that an editor is to go to
//     (TestPlaces).
//  5. Whatever Envoy 1.40 loads and forwards a request by without asking the gate
//     is found, or named as not read (TestEveryWayIsSeen, and the guard in the
//     end-to-end tests).
//  6. No name in the file forges or wipes a line of what is printed
//     (TestWriteTextOfHostileNames).
package envoylint
