// Package request reads a request strictly, once, for everything that looks at it.
//
// [Request] is a request as Envoy sent it. [Parsed] has its method, host, path and query
// in the forms in which routes, credentials and conditions compare them. Whatever an
// application could read differently than the gate is refused here, not normalised. The
// package knows no route and no token.
//
// Invariants:
//
//  1. A path that two readers could split differently is refused, on public routes too.
//     A relaxation opens the one hole that it names (TestParsePathRefuses, FuzzParsePath,
//     TestParsePathRelaxed, FuzzParsePathRelaxed).
//  2. A method that an application could execute as another one is refused, and the
//     methods that a query names are found in every spelling (TestCheckMethod,
//     TestAppendOverrides).
//  3. A host has one form, whatever its letter case, port and final dot
//     (TestParseHost, TestParseHostFoldsASCII).
package request
