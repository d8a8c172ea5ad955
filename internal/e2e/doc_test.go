// Package e2e contains the end-to-end tests: the built program, a real Envoy with the
// shipped envoy/envoy.yaml, a real application and a real issuer, over real sockets on
// loopback. It has no other code.
//
// Of the shipped file only addresses and ports are changed, by the edit that
// users have, and each start compares the two YAML trees and fails if anything
// else differs. A second, bare Envoy has all default settings, so that nothing
// but jwtgate protects the application; and what is sent to jwtgate decides
// nothing, so the attacks also run with each file's list of headers swapped for
// the other's. The few tests of what users add to the
// file, such as a certificate or the name of a route, edit exactly that before
// ([derivedEnvoy]). A missing Envoy, emulator
// or promtool is a failure, never a skip: `make tools` puts them in place.
//
// The build tag providers adds the tests with a real identity provider, which
// take a JDK and a minute: `make test-providers` runs them. The tag soak adds
// the one that lasts: `make soak`. The tag lintguard adds the one that runs many
// mutants of the shipped Envoy file: `make test-lint`.
//
// `make race` builds the program and the tests with the race detector, and runs
// the tests of what happens at the same time in the gate: reload, key rotation,
// shutdown and the like. The files that begin with "//go:build !race" have the
// other tests: those that measure load, memory or time, and those that send one
// request after the other.
package e2e
