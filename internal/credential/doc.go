// Package credential finds the one credential of a request, and says how to remove it.
//
// It reads the places that a route lists: Authorization, another header, a cookie, a query
// parameter or a WebSocket protocol. It never verifies a token. It decodes a text only to
// find out whether it may be one.
//
// Invariants:
//
//  1. A request has one credential, in one place, or none (TestExtract,
//     TestExtractFromSeveralPlaces, TestExtractScheme, FuzzExtract).
//  2. A cookie is accepted only in a request that another site cannot cause
//     (TestExtractCookieCrossSite).
//  3. After a removal, no place that the route reads has a credential (TestRemove,
//     FuzzRemove, FuzzCookieLine, FuzzRemoveParameters), and no cookie has a name of
//     identity.strip_cookies, which no route forwards (TestStripCookies).
package credential
