// Package request parses a request strictly and once.
//
// [Request] is a request as Envoy sent it. [Parsed] has its method, host, path and query
// in the form in which routes, credentials and conditions compare them. A request that an
// application could read differently from the gate is refused, not normalized. The package
// does not know routes and tokens.
//
// Invariants:
//
//  1. A path that two readers could split differently is refused, also on public routes.
//     A relaxation permits only what it names (TestParsePathRefuses, FuzzParsePath,
//     TestParsePathRelaxed, FuzzParsePathRelaxed).
//  2. A method that an application could execute as another one is refused, and the
//     methods that a query names are found in every spelling (TestCheckMethod,
//     TestAppendOverrides).
//  3. Hosts that differ only in letter case, port or final dot have the same form
//     (TestParseHost, TestParseHostFoldsASCII).
//  4. A parsed request contains nothing of the request before it
//     (TestParseForgetsThePrevious).
package request
