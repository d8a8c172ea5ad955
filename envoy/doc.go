// Package envoy contains the shipped Envoy configuration and renders it for one
// user, with other addresses or a Unix socket, origins, identity headers, headers
// that Envoy sends to jwtgate, and relaxations. It also renders the three files of
// `jwtgate init`, and the parts of the shipped file that an existing Envoy
// configuration lacks. [Needs] is what one jwtgate configuration needs from Envoy.
//
// The demo and the end-to-end tests run envoy.yaml itself. A rendered file differs
// from it only in the places that envoy.yaml marks, so that the tests apply to it
// too. The package renders text; it never reads or writes a file, starts Envoy, or
// decides anything about a request.
//
// Security invariants:
//
//  1. The zero [Edit] is the shipped file, byte for byte
//     (TestTheZeroEditChangesNothing).
//  2. An edit changes only marked places. A missing or repeated marker, or one on a
//     line with unexpected content, is an error and never gives a partly edited file
//     (TestAnEditChangesMarkedPlacesOnly, TestAFileWithoutItsMarkersIsRejected).
//  3. No value can add a key, a line or a wider pattern to the YAML: a value of
//     an unexpected form is an error (TestValuesThatCouldChangeTheFileAreRejected).
//  4. [Sent] reads which headers Envoy sends to jwtgate from the shipped file itself
//     (TestSent); the end-to-end tests show it on a real Envoy.
//  5. The file removes exactly the headers of jwtgate's list that name another
//     method, URL or host, in every spelling, and lets jwtgate see and remove the same
//     (TestTheOverridePatternIsTheListOfOverrides,
//     TestTheOverridePatternIsTheSameEverywhere).
//  6. [Needs.Edit] makes only the edits that the needs require: the zero value
//     has no edit, and Envoy keeps removing an override header from trailers, which
//     jwtgate never sees, if jwtgate removes it on some host
//     (TestNeedsThatTheShippedFileHas, TestNeedsEdit).
//  7. [Needs.Arrival] has no answer for requests that the end-to-end tests do not
//     cover (TestArrival, TestUnknownArrival).
//  8. The pieces of [Fragment] are whole and unchanged parts of the shipped file, with
//     the same edits (TestFragment, TestFragmentFitsAConfiguration). Those
//     of [PlatformFragment] are the files of deploy/ (TestPlatformFragment,
//     TestPlatformFragmentFitsAConfiguration).
//  9. Envoy keeps the port in Host exactly if it listens on another port than 80 and 443
//     (TestThePortInHost). The end-to-end tests show that jwtgate and Envoy's virtual
//     hosts ignore it.
//  10. login.yaml is envoy.yaml with sign-in: all their other lines are the same
//     (TestLoginFile).
package envoy
