// Package credential finds the one credential of a request, and says how to remove it.
//
// It reads the places that a route names: Authorization, a header, a cookie, a query
// parameter or a WebSocket protocol. It never looks into a token, except to see that a
// text may be one.
//
// Invariants:
//
//  1. A request has one credential, from one place, or none; a cookie counts only on a
//     request that another site cannot cause (TestExtract, TestExtractFromSeveralPlaces,
//     TestExtractCookieCrossSite, FuzzExtract).
//  2. After a removal, no place that the route reads has a credential (TestRemove,
//     FuzzRemove, FuzzCookieLine, FuzzRemoveParameters).
package credential
