// Package envoyproto describes the messages of Envoy's v3 configuration: the
// fields, their types and the enumerations, as data. The linter reads an Envoy
// file by these descriptions without building a single message, so that a field of
// a newer Envoy does not make the whole file unreadable.
//
// The descriptions are those of go-control-plane, in the version that go.mod
// names, and of its contrib module. They are embedded as a compressed
// FileDescriptorSet without options, services and comments. Importing the Go
// packages instead would link hundreds of message types into the binary, and
// register them at every start; the set is decompressed at the first call of
// [Find] and costs a program that never calls it nothing but its bytes on disk.
//
// Invariants:
//
//  1. The embedded set is what the modules hold (TestDescriptorsAreCurrent; run it
//     with -update after a change of a version).
//  2. A message is found by its full name and has the fields of its release; what
//     is not a message is not found (TestFind).
package envoyproto
