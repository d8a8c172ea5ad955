// Package devidp is a loopback OpenID Connect issuer for the demo and for
// tests: discovery, a key set, rotation, outages, and tokens with whatever
// claims the caller asks for.
//
// One [Server] listens on loopback and hosts any number of named issuers, each
// under its own path:
//
//	GET  /NAME/.well-known/openid-configuration
//	GET  /NAME/.well-known/jwks.json
//	POST /NAME/mint    {"claims": {...}, "expires": "1h"} -> {"token": "..."}
//
// It never authenticates anybody: whoever reaches the mint endpoint gets any
// token they ask for. So it must never be part of the server that decides
// requests, and it has no login page, no grants and no sessions.
//
// Security invariants:
//
//  1. It listens on a loopback address only; any other is refused
//     (TestStartRefusesAddressesOffLoopback).
//  2. The mint endpoint answers programs of this machine, not web pages that
//     its browser shows: no cross-origin request and no rebound host name gets
//     a token (TestMintEndpointRefusesWebPages).
//  3. The key set holds public halves only (TestKeySetHoldsNoPrivatePart), and
//     no key is ever written to disk.
//  4. Keys are of the size and curve that RFC 7518 asks for, so that a verifier
//     under test has no excuse (TestEveryAlgorithmVerifies).
package devidp
