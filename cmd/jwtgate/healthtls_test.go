package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// tlsYAML is publicYAML with server.tls.
func tlsYAML(cert, key string) string {
	return strings.Replace(publicYAML, "drain_delay: 0s", fmt.Sprintf("drain_delay: 0s, tls: {cert_file: %q, key_file: %q}", cert, key), 1)
}

// TestHealthcheckByTLS: the health check trusts either the certificate that the
// configuration names, or a CA.
func TestHealthcheckByTLS(t *testing.T) {
	alone(t)
	cert, key := testutil.LoopbackCertificate(t)
	s := serve(t, "--config", testutil.File(t, "jwtgate.yaml", tlsYAML(cert, key)))
	s.wait(t, "serving")
	want := []string{s.listen + " is serving\n"}
	asked := func(cert string) string {
		return testutil.File(t, "asked.yaml", strings.Replace(tlsYAML(cert, key), "127.0.0.1:0", s.listen, 1))
	}
	command(t, "healthcheck", "--config", asked(cert)).holds(t, exitYes, want, nil)
	command(t, "healthcheck", "--addr", s.listen, "--ca", cert).holds(t, exitYes, want, nil)
	command(t, "healthcheck", "--config", asked(cert), "--ca", cert).holds(t, exitYes, want, nil)
	for says, args := range map[string][]string{
		"no answer from":             {"--addr", s.listen},
		"got one of --cert":          {"--addr", s.listen, "--cert", cert},
		"has no PEM certificate":     {"--addr", s.listen, "--ca", key},
		"no such file":               {"--addr", s.listen, "--ca", "missing.pem"},
		"server.tls.cert_file":       {"--config", asked(filepath.Join(t.TempDir(), "missing.pem"))},
		"certificate signed by unkn": {"--addr", s.listen, "--cert", cert, "--key", key},
	} {
		command(t, append([]string{"healthcheck"}, args...)...).holds(t, exitFailure, nil, []string{says})
	}
}
