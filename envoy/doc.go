// Package envoy ships the Envoy configuration that belongs to jwtgate, and
// renders it for one user: other addresses or a Unix socket, other origins,
// other identity headers, further headers that jwtgate is sent, what jwtgate
// relaxes, and the three files of `jwtgate init`. [Needs] is what one jwtgate
// configuration needs of Envoy.
//
// envoy.yaml is the very file that the demo and the end-to-end tests run. What
// is rendered from it differs only in the places that the file itself marks,
// so what was tested is what users get. The package renders text; it never
// reads or writes a file, starts Envoy, or decides anything about a request.
//
// Security invariants:
//
//  1. The zero [Edit] is the shipped file, byte for byte
//     (TestTheZeroEditChangesNothing).
//  2. An edit changes marked places only, each as often as it must stand in
//     the file; a marker that is missing, doubled or on a line of another shape
//     is an error, never a file that looks edited
//     (TestAnEditChangesMarkedPlacesOnly, TestAFileWithoutItsMarkersIsRefused).
//  3. No value can add a key, a line or a wider pattern to the YAML it is
//     written into: a value of another form than its own is refused
//     (TestValuesThatCouldChangeTheFileAreRefused).
//  4. [Sent] says what the shipped file sends jwtgate because it reads that from
//     the file itself (TestSent); the end-to-end tests show it on a real Envoy.
//  5. The file removes the headers that name another method, URL or host in every
//     spelling, exactly those of jwtgate's own list, and lets jwtgate see and remove
//     the same (TestTheOverridePatternIsTheListOfOverrides,
//     TestTheOverridePatternIsTheSameEverywhere).
//  6. [Needs.Edit] opens no more than the needs say: without a need there is no
//     edit, and an override header that jwtgate removes on some host stays
//     removed from trailers, which jwtgate never sees
//     (TestNeedsThatTheShippedFileHas, TestNeedsEdit).
//  7. [Needs.Arrival] says nothing of a request whose treatment the end-to-end
//     tests do not show (TestArrival, TestArrivalThatIsNotKnown).
package envoy
