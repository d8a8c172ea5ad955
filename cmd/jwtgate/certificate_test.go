package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// certificate writes a certificate for 127.0.0.1, which signs itself, and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	pair := web.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name, kind string, der []byte) string {
		return write(t, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	return put("cert.pem", "CERTIFICATE", pair.Certificate[0]), put("key.pem", "PRIVATE KEY", der)
}

// tlsYAML is publicYAML with server.tls.
func tlsYAML(cert, key string) string {
	return strings.Replace(publicYAML, "drain_delay: 0s", fmt.Sprintf("drain_delay: 0s, tls: {cert_file: %q, key_file: %q}", cert, key), 1)
}

// A server with a certificate is asked by TLS: by the configuration, which holds
// the certificate to that very file, or by a CA.
func TestHealthcheckByTLS(t *testing.T) {
	alone(t)
	cert, key := certificate(t)
	s := serve(t, "--config", write(t, "jwtgate.yaml", tlsYAML(cert, key)))
	s.wait(t, "serving")
	want := []string{s.listen + " is serving\n"}
	asked := func(cert string) string {
		return write(t, "asked.yaml", strings.Replace(tlsYAML(cert, key), "127.0.0.1:0", s.listen, 1))
	}
	command(t, "healthcheck", "--config", asked(cert)).holds(t, exitYes, want, nil)
	command(t, "healthcheck", "--addr", s.listen, "--ca", cert).holds(t, exitYes, want, nil)
	command(t, "healthcheck", "--config", asked(cert), "--ca", cert).holds(t, exitYes, want, nil)
	for says, args := range map[string][]string{
		"no answer from":             {"--addr", s.listen},
		"belong together":            {"--addr", s.listen, "--cert", cert},
		"holds no PEM certificate":   {"--addr", s.listen, "--ca", key},
		"no such file":               {"--addr", s.listen, "--ca", "missing.pem"},
		"server.tls.cert_file":       {"--config", asked(filepath.Join(t.TempDir(), "missing.pem"))},
		"certificate signed by unkn": {"--addr", s.listen, "--cert", cert, "--key", key},
	} {
		command(t, append([]string{"healthcheck"}, args...)...).holds(t, exitFailure, nil, []string{says})
	}
}

// A certificate that cannot be used is a mistake at its key, for check and serve;
// a new one that cannot be changes nothing, and is loud.
func TestCertificateFiles(t *testing.T) {
	alone(t)
	cert, key := certificate(t)
	broken := write(t, "broken.yaml", tlsYAML(cert, cert))
	for _, name := range []string{"check", "serve"} {
		got := command(t, name, "--config", broken)
		if got.code != exitNo || !strings.Contains(got.out+got.err, "broken.yaml:1:") || !strings.Contains(got.out+got.err, "server.tls.key_file") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	file := write(t, "jwtgate.yaml", tlsYAML(cert, key))
	s := serve(t, "--config", file)
	s.wait(t, "serving")
	before, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, cert, "no PEM")
	s.until(t, "the refusal", func() bool { return strings.Contains(s.readiness(t).Refused, "the server's certificate: ") })
	command(t, "healthcheck", "--addr", s.listen, "--ca", write(t, "ca.pem", string(before))).holds(t, exitYes, []string{"is serving"}, nil)
	if _, metrics := s.get(t, "/metrics"); !strings.Contains(metrics, `jwtgate_certificate_reads_total{result="refused"} 1`) ||
		!strings.Contains(metrics, `jwtgate_reload_refused{file="certificate"} 1`) {
		t.Errorf("metrics:\n%s", metrics)
	}
	block, _ := pem.Decode(before)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, metrics := s.get(t, "/metrics"); !strings.Contains(metrics, fmt.Sprintf("\njwtgate_certificate_expiry_timestamp_seconds %v\n", float64(leaf.NotAfter.Unix()))) {
		t.Errorf("metrics have no end %v:\n%s", leaf.NotAfter, metrics)
	}
	replace(t, cert, string(before))
	s.until(t, "the recovery", func() bool { return s.readiness(t).Refused == "" })
}
