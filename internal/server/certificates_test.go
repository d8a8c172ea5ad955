package server_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/credentials"

	"github.com/jwtgate/jwtgate/internal/server"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// tlsYAML is publicYAML with server.tls.
func tlsYAML(cert, key string) string {
	return strings.Replace(publicYAML, "drain_delay: 0s",
		fmt.Sprintf("drain_delay: 0s, tls: {cert_file: %q, key_file: %q}", cert, key), 1)
}

// TestCertificateReload: a certificate that is wrong is a mistake at a start. In a running
// server it changes nothing, and is reported at /readyz and in metrics.
func TestCertificateReload(t *testing.T) {
	cert, key := testutil.LoopbackCertificate(t)
	broken := testutil.File(t, "broken.yaml", tlsYAML(cert, cert))
	_, _, err := open(t, server.Config{ConfigFile: broken})
	if err == nil || !strings.Contains(err.Error(), "broken.yaml:1:") || !strings.Contains(err.Error(), "server.tls.key_file") {
		t.Errorf("at a start: %v", err)
	}
	s := serve(t, tlsYAML(cert, key))
	s.wait(t, "serving")
	before, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(before)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	testutil.Replace(t, cert, "not PEM")
	s.until(t, "the failure at /readyz", func() bool {
		_, state := s.readiness(t)
		return strings.HasPrefix(state.Refused, "certificate: ")
	})
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	if got := askBy(t, credentials.NewClientTLSFromCert(roots, ""), s.listen, "/open", ""); got != "public" {
		t.Errorf("got %s; expected public", got)
	}
	_, metrics := s.get(t, "/metrics", "")
	for _, line := range []string{
		`jwtgate_certificate_reads_total{result="refused"} 1`, `jwtgate_reload_refused{file="certificate"} 1`,
		fmt.Sprintf("jwtgate_certificate_expiry_timestamp_seconds %v", float64(leaf.NotAfter.Unix())),
	} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("%s is missing:\n%s", line, metrics)
		}
	}
	testutil.Replace(t, cert, string(before))
	s.wait(t, "certificate reloaded")
	if _, state := s.readiness(t); state.Refused != "" {
		t.Errorf("after the recovery: %+v", state)
	}
}
