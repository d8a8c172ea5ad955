// Package testbed makes what the tests of several packages begin with: a configuration, and
// issuers on loopback. Nothing that is shipped imports it.
//
// Invariants:
//
//  1. A server of issuers ends with the test that started it (TestIssuersEndWithTheTest).
package testbed

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
)

// Config parses a configuration, which must have no mistakes and use no variables.
func Config(t testing.TB, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("jwtgate.yaml", []byte(text), nil)
	if err != nil {
		t.Fatalf("the test's configuration:\n%v", err)
	}
	return cfg
}

// Issuers starts a server of issuers on loopback, which has none at first.
func Issuers(t testing.TB) *devidp.Server {
	t.Helper()
	server, err := devidp.Start(devidp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Issuer adds an issuer to a server.
func Issuer(t testing.TB, server *devidp.Server, name string, c devidp.IssuerConfig) *devidp.Issuer {
	t.Helper()
	issuer, err := server.Add(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}
