// Package envoyproto describes the messages of Envoy's v3 configuration as data: the
// fields, their types and the enumerations. The linter reads an Envoy file by these
// descriptions without building messages, so that a field of a newer Envoy does not
// make the whole file unreadable.
//
// The descriptions are those of go-control-plane, in the version in go.mod, and of its
// contrib module. They are embedded as a compressed FileDescriptorSet without options,
// services and comments. Importing the Go packages instead would link hundreds of
// message types into the binary and register them at every start. The first call of
// [Find] decompresses the set; a program that never calls it only has a larger binary.
//
// Invariants:
//
//  1. The embedded set is that of the modules (TestDescriptorsAreCurrent; run it with
//     -update after a change of a version).
//  2. [Find] finds a message by its full name, with the fields of its release, and
//     finds nothing else (TestFind).
package envoyproto
