// Package devidp is a loopback OpenID Connect issuer for the demo and for
// tests: discovery, a key set, rotation, outages, and tokens with any claims.
//
// One [Server] listens on loopback and hosts any number of named issuers, each
// under its own path:
//
//	GET  /NAME/.well-known/openid-configuration
//	GET  /NAME/.well-known/jwks.json
//	POST /NAME/mint    {"claims": {...}, "expires": "1h"} -> {"token": "..."}
//
// It authenticates no client: any client that reaches the mint endpoint gets any
// token. So it must never be part of the server that decides requests. It has no
// login page, no grants and no sessions.
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
package devidp
