//go:build !race

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestSourcePrincipalIsTheCertificate: a condition can read the principal of a mutual TLS
// connection; clients cannot set it by headers.
func TestSourcePrincipalIsTheCertificate(t *testing.T) {
	c := startConfigured(t, `routes:
  - {name: internal, match: /internal, issuers: [cruddur], when: source.principal == "spiffe://lab/billing" && source.address == `+
		`"127.0.0.1"}
`)
	ca := newAuthority(t)
	caFile := ca.File(t)
	server, serverKey := testutil.CertificateFiles(t,
		ca.Sign(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}))
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
		pair := ca.Sign(t,
			&x509.Certificate{URIs: []*url.URL{{Scheme: "spiffe", Host: "lab", Path: path}},
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
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
			trusted.AddCert(ca.Certificate())
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
