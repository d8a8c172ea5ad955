package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// The names of both sides, as docs/configuration.md has them.
const (
	gateName  = "jwtgate.example"
	envoyName = "spiffe://prod.example/envoy"
)

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}))
}

// server and client return certificates of the two sides; a client's has the given names,
// which are URIs or DNS names.
func (a *authority) server(t *testing.T) tls.Certificate {
	t.Helper()
	return a.Sign(t, &x509.Certificate{DNSNames: []string{gateName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) client(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, name := range names {
		if uri, err := url.Parse(name); err == nil && uri.Scheme != "" {
			template.URIs = append(template.URIs, uri)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return a.Sign(t, template)
}

// side is the folder of one side's certificate, key and trusted authorities, as
// Kubernetes mounts a Secret.
type side struct{ *mounted }

func newSide(t *testing.T, own tls.Certificate, trusted ...*authority) side {
	t.Helper()
	s := side{&mounted{dir: t.TempDir()}}
	s.becomes(t, own, trusted...)
	return s
}

// becomes replaces all files atomically. A side without a certificate presents none.
func (s side) becomes(t *testing.T, own tls.Certificate, trusted ...*authority) {
	t.Helper()
	texts := map[string]string{"ca.crt": ""}
	if own.PrivateKey != nil {
		texts["tls.crt"], texts["tls.key"] = testutil.CertificatePEM(t, own)
	}
	for _, a := range trusted {
		texts["ca.crt"] += a.pem()
	}
	s.put(t, texts)
}

// tlsConfig is a configuration with server.tls of a side's files.
func tlsConfig(t *testing.T, s side, names ...string) string {
	t.Helper()
	return testutil.File(t, "jwtgate.yaml", strings.Replace(replicasFile, "issuers:\n", fmt.Sprintf(
		"server: {drain_delay: 0s, tls: {cert_file: %q, key_file: %q, client_ca_file: %q, client_names: [%s]}}\nissuers:\n",
		s.path("tls.crt"), s.path("tls.key"), s.path("ca.crt"), strings.Join(names, ", ")), 1))
}

// startSecuredEnvoy runs the shipped file with the transport socket of
// docs/configuration.md, and further edits.
func startSecuredEnvoy(t *testing.T, gate, application string, own side, edits ...string) *envoyProxy {
	t.Helper()
	page := read(t, "../../docs/configuration.md")
	socket := fenced(t, page, "envoy tls")
	for _, name := range []string{"envoy-secret.yaml", "jwtgate-secret.yaml"} {
		secret := testutil.File(t, name, strings.ReplaceAll(fenced(t, page, name), "/etc/envoy/tls", own.dir))
		socket = strings.Replace(socket, "/etc/envoy/"+name, secret, 1)
	}
	if _, err := os.Stat(own.path("tls.crt")); err != nil { // it shows none
		begin, end := strings.Index(socket, "          tls_certificate_sds"), strings.Index(socket, "          validation_context_sds")
		socket = socket[:begin] + socket[end:]
	}
	const top, before = "\nadmin:\n", "    common_lb_config: { healthy_panic_threshold: { value: 0 } }"
	return derivedEnvoy(t, gate, application, append([]string{
		top, "\n" + fenced(t, page, "envoy node") + top, before, socket + before,
	}, edits...)...)
}

// hasStatus returns nil if the answer has this status.
func hasStatus(got answer, status int) error {
	if got.Status != status {
		return fmt.Errorf("answered %d %s, want %d", got.Status, got.Body, status)
	}
	return nil
}

// TestCertificatesRotateUnderLoad: both sides get new certificates, then another authority,
// in the documented order, while Envoy reconnects after every few requests. No request
// fails; finally the gate rejects the old certificates.
func TestCertificatesRotateUnderLoad(t *testing.T) {
	old, fresh := newAuthority(t), newAuthority(t)
	issuers := startIssuers(t)
	gateSide, envoySide := newSide(t, old.server(t), old), newSide(t, old.client(t, envoyName), old)
	gate := startGateUnready(t, tlsConfig(t, gateSide, envoyName), issuers.environment()...)
	gate.waitReady(t)
	const protocol = "explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: 5s, timeout: 1s } } }"
	shipped := startSecuredEnvoy(t, gate.address, startMirror(t), envoySide,
		protocol, protocol+fmt.Sprintf("\n        common_http_protocol_options: { max_requests_per_connection: %d }", 20/slowdown))
	eventually(t, 10*time.Second, "Envoy asks the gate", func() error {
		return hasStatus(http1(t, shipped.address, call{line: "GET /open"}), 200)
	})
	const perSecond, perChange = 250 / slowdown, 200 / slowdown // requests, in a second and with each change
	l := startLoad(t, shipped, perSecond, mixed(t, issuers))
	l.reaches(t, perSecond)

	reads := 0
	// reread waits until the gate has loaded a change, and some connections have been made
	// since.
	reread := func(what string) {
		t.Helper()
		reads++
		eventually(t, 10*time.Second, what, func() error {
			if got := gate.metric(t, `jwtgate_certificate_reads_total{result="ok"}`); int(got) < reads {
				return fmt.Errorf("%v readings", got)
			}
			return nil
		})
		l.reaches(t, int(l.sent.Load())+perChange)
	}
	updates := func(what string, change func()) {
		t.Helper()
		before := shipped.stat(t, "cluster.jwtgate.client_ssl_socket_factory.ssl_context_update_by_sds")
		change()
		eventually(t, 10*time.Second, what, func() error {
			if shipped.stat(t, "cluster.jwtgate.client_ssl_socket_factory.ssl_context_update_by_sds") == before {
				return fmt.Errorf("Envoy has not read it")
			}
			return nil
		})
		l.reaches(t, int(l.sent.Load())+perChange)
	}
	second := old.server(t)
	gateSide.becomes(t, second, old)
	reread("another certificate")
	gateSide.becomes(t, second, old, fresh)
	reread("both authorities of clients")
	updates("both authorities of the gate", func() { envoySide.becomes(t, old.client(t, envoyName), old, fresh) })
	last := fresh.server(t)
	gateSide.becomes(t, last, old, fresh)
	reread("a certificate of the new authority")
	updates("a certificate of the new authority, for Envoy", func() { envoySide.becomes(t, fresh.client(t, envoyName), fresh) })
	gateSide.becomes(t, last, fresh)
	reread("the new authority alone")

	l.stop()
	l.lostNone(t)
	handshakes := shipped.stat(t, "cluster.jwtgate.ssl.handshake")
	t.Logf("%d sent, %d failed, %d wrong, slowest %v; %d handshakes of Envoy's", l.sent.Load(), l.failed.Load(), l.wrong.Load(),
		l.slowest.Round(time.Millisecond), handshakes)
	if handshakes < 30 {
		t.Errorf("Envoy made %d connections, too few to show anything", handshakes)
	}
	if err := shakesHands(gate.address, fresh, fresh.client(t, envoyName)); err != nil {
		t.Errorf("with the new authority's certificates: %v", err)
	}
	if err := shakesHands(gate.address, fresh, old.client(t, envoyName)); err == nil {
		t.Error("a client of the old authority is still answered")
	}
	if err := shakesHands(gate.address, old, fresh.client(t, envoyName)); err == nil {
		t.Error("the gate still shows a certificate of the old authority")
	}
}

// shakesHands connects by TLS and waits for the server's first bytes, which it sends only
// to clients that it accepts.
func shakesHands(address string, trusted *authority, own tls.Certificate) error {
	pool := x509.NewCertPool()
	pool.AddCert(trusted.Certificate())
	dialer := &tls.Dialer{
		NetDialer: &net.Dialer{Timeout: 5 * time.Second},
		Config:    &tls.Config{RootCAs: pool, ServerName: gateName, Certificates: []tls.Certificate{own}, NextProtos: []string{"h2"}},
	}
	connection, err := dialer.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := connection.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		return err
	}
	_, err = connection.Read(make([]byte, 9))
	return err
}
