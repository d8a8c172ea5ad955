package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// authority signs certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.certificate = &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "test authority"}}
	pair := a.sign(t, a.certificate)
	var err error
	if a.certificate, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
		t.Fatal(err)
	}
	a.key = pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// sign makes a certificate with a key of its own; the first one signs itself.
func (a *authority) sign(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	a.serial++
	template.SerialNumber = big.NewInt(a.serial)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// files writes a certificate and its key and returns their paths.
func files(t *testing.T, pair tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "certificate.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))),
		writeFile(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// TestSourcePrincipalIsTheCertificate: a condition can ask who is connected by
// mutual TLS; nothing that a client says instead counts.
func TestSourcePrincipalIsTheCertificate(t *testing.T) {
	c := startConfigured(t, `routes:
  - {name: internal, match: /internal, issuers: [cruddur], when: source.principal == "spiffe://lab/billing" && source.address == "127.0.0.1"}
`)
	ca := newAuthority(t)
	caFile, _ := files(t, tls.Certificate{Certificate: [][]byte{ca.certificate.Raw}, PrivateKey: ca.key})
	server, serverKey := files(t, ca.sign(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}))
	c.shipped = derivedEnvoy(t, c.gate.address, c.application.address, "    filter_chains:\n    - filters:\n", fmt.Sprintf(`    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [ { certificate_chain: { filename: %q }, private_key: { filename: %q } } ]
            validation_context: { trusted_ca: { filename: %q } }
      filters:
`, server, serverKey, caFile))
	spiffe := func(path string) *tls.Certificate {
		pair := ca.sign(t, &x509.Certificate{URIs: []*url.URL{{Scheme: "spiffe", Host: "lab", Path: path}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return &pair
	}
	for _, row := range []struct {
		name string
		pair *tls.Certificate
		want string
	}{
		{"the right certificate", spiffe("/billing"), "200 "},
		{"another certificate", spiffe("/shop"), "403 condition_false"},
		{"no certificate", nil, "403 condition_false"},
	} {
		t.Run(row.name, func(t *testing.T) {
			trusted := x509.NewCertPool()
			trusted.AddCert(ca.certificate)
			settings := &tls.Config{RootCAs: trusted}
			if row.pair != nil {
				settings.Certificates = []tls.Certificate{*row.pair}
			}
			transport := &http.Transport{TLSClientConfig: settings}
			defer transport.CloseIdleConnections()
			at := &caller{scheme: "https", address: c.shipped.address, http: http.Client{Transport: transport, Timeout: clientTimeout}}
			got := at.ask(t, call{line: "GET /internal", headers: []string{c.user(t, nil), "x-forwarded-client-cert: URI=spiffe://lab/billing"}})
			if got.String() != row.want {
				t.Errorf("answer %v, want %s", got, row.want)
			}
		})
	}
}
