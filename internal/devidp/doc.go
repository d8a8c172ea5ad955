// Package devidp is a loopback OpenID Connect issuer for the demo and for
// tests: discovery, a key set, rotation, outages, tokens with any claims, and a login
// without passwords.
//
// One [Server] listens on loopback and hosts any number of named issuers, each
// under its own path:
//
//	GET  /NAME/.well-known/openid-configuration
//	GET  /NAME/.well-known/jwks.json
//	POST /NAME/mint    {"claims": {...}, "expires": "1h"} -> {"token": "..."}
//
// An issuer with a [Login] has the code flow of OpenID Connect with PKCE and the logout:
//
//	GET  /NAME/authorize      the sign-in page: choose a user
//	POST /NAME/token          grants authorization_code and refresh_token
//	GET  /NAME/end_session    ends the session and its refresh token
//
// Every login shows the sign-in page: an earlier login in the same browser is not used.
// It does not verify the ID token of a logout and does not revoke tokens when a code is
// used twice, as an issuer on the internet has to.
//
// It authenticates no user: any client that reaches the mint endpoint gets any token, and
// anyone who reaches the sign-in page can be any of its users. So it must never be part of
// the server that decides requests.
//
// Security invariants:
//
//  1. It listens on a loopback address only
//     (TestStartRefusesAddressesOffLoopback).
//  2. The mint endpoint serves programs on this machine, but not web pages in a
//     browser on it: it denies cross-origin requests and rebound host names
//     (TestMintEndpointRefusesWebPages).
//  3. The key set contains public keys only (TestKeySetHoldsNoPrivatePart), and
//     no key is written to disk.
//  4. Keys have the size and curve that RFC 7518 requires
//     (TestEveryAlgorithmVerifies).
//  5. A code is good once, within a minute, for the client, redirect URI and PKCE
//     challenge of its request (TestCodeIsBound, TestTokenEndpointRefuses), and the
//     browser is sent only to registered URIs (TestAuthorizeRefuses, TestLogoutRefuses).
//  6. Only the sign-in page can sign a user in: forms of other origins are denied, and so
//     are host names that were rebound to loopback (TestLoginRefusesOtherPages).
package devidp
