package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The names of both sides, as docs/configuration.md has them.
const (
	gateName  = "jwtgate.example"
	envoyName = "spiffe://prod.example/envoy"
)

// pemOf is a certificate and its key as files hold them.
func pemOf(t *testing.T, pair tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// server and client are certificates of the two sides; a client's has the names
// that it is given, URIs or DNS names.
func (a *authority) server(t *testing.T) tls.Certificate {
	t.Helper()
	return a.sign(t, &x509.Certificate{DNSNames: []string{gateName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
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
	return a.sign(t, template)
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

// becomes puts all of it in place at once. Without a certificate of its own a
// side shows none.
func (s side) becomes(t *testing.T, own tls.Certificate, trusted ...*authority) {
	t.Helper()
	texts := map[string]string{"ca.crt": ""}
	if own.PrivateKey != nil {
		texts["tls.crt"], texts["tls.key"] = pemOf(t, own)
	}
	for _, a := range trusted {
		texts["ca.crt"] += a.pem()
	}
	s.put(t, texts)
}

// tlsConfig is a configuration with server.tls of a side's files.
func tlsConfig(t *testing.T, s side, names ...string) string {
	t.Helper()
	return writeFile(t, "jwtgate.yaml", strings.Replace(replicasFile, "issuers:\n", fmt.Sprintf(
		"server: {drain_delay: 0s, tls: {cert_file: %q, key_file: %q, client_ca_file: %q, client_names: [%s]}}\nissuers:\n",
		s.path("tls.crt"), s.path("tls.key"), s.path("ca.crt"), strings.Join(names, ", ")), 1))
}

// startSecuredEnvoy runs the shipped file with the transport socket that
// docs/configuration.md adds, and further edits.
func startSecuredEnvoy(t *testing.T, gate, application string, own side, edits ...string) *envoyProxy {
	t.Helper()
	page := read(t, "../../docs/configuration.md")
	socket := fenced(t, page, "envoy tls")
	for _, name := range []string{"envoy-secret.yaml", "jwtgate-secret.yaml"} {
		secret := writeFile(t, name, strings.ReplaceAll(fenced(t, page, name), "/etc/envoy/tls", own.dir))
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

// TestMutualTLSThroughEnvoy: Envoy and the gate speak TLS as the documentation
// has it. Envoy is answered with a certificate of the authority that has one of
// the names; with any other it asks nobody, and clients are told of an outage.
func TestMutualTLSThroughEnvoy(t *testing.T) {
	servers, clients, strangers := newAuthority(t), newAuthority(t), newAuthority(t)
	issuers, application := startIssuers(t), startApplication(t)
	user := call{line: "GET /orders", headers: []string{bearer(mint(t, issuers.cruddur, access(nil)))}}
	for _, row := range []struct {
		name   string
		client tls.Certificate
		trusts *authority
		edits  []string
		refuse string // what the gate's log says; empty: it is answered
	}{
		{"a SPIFFE ID", clients.client(t, envoyName), servers, nil, ""},
		{"a DNS name", clients.client(t, "other.example", "envoy.example"), servers, nil, ""},
		{"another SPIFFE ID", clients.client(t, envoyName+"-2"), servers, nil, "none of client_names"},
		{"another authority's", strangers.client(t, envoyName), servers, nil, "signed by unknown authority"},
		{"no certificate", tls.Certificate{}, servers, nil, "client didn't provide a certificate"},
		{"Envoy does not know the gate's authority", clients.client(t, envoyName), strangers, nil, "unknown certificate authority"},
		{"Envoy does not offer HTTP/2", clients.client(t, envoyName), servers, []string{"          alpn_protocols: [ h2 ]", "          #"}, "write alpn_protocols: [h2] under common_tls_context"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := tlsConfig(t, newSide(t, servers.server(t), clients), "envoy.example", envoyName)
			gate := startGateUnready(t, file, issuers.environment()...)
			gate.waitReady(t)
			shipped := startSecuredEnvoy(t, gate.address, application.address, newSide(t, row.client, row.trusts), row.edits...)
			if row.refuse == "" {
				eventually(t, 10*time.Second, "Envoy asks the gate", func() error { return hasStatus(http1(t, shipped.address, user), 200) })
				denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}.check(t, http1(t, shipped.address, call{line: "GET /orders"}))
				if refused := gate.metric(t, "jwtgate_tls_handshakes_refused_total"); refused != 0 {
					t.Errorf("%v handshakes are counted as refused", refused)
				}
				return
			}
			application.take()
			got := http1(t, shipped.address, user)
			if got.Status != 503 || got.Header.Get("Retry-After") != "1" {
				t.Errorf("answered %d %v %s, want Envoy's 503", got.Status, got.Header, got.Body)
			}
			if reached := application.take(); len(reached) != 0 {
				t.Errorf("the application received %v", reached)
			}
			eventually(t, 10*time.Second, "the log says why", func() error { return says(gate, row.refuse) })
			if refused := gate.metric(t, "jwtgate_tls_handshakes_refused_total"); refused < 1 {
				t.Error("no handshake is counted as refused")
			}
		})
	}
}

// hasStatus is nil if the answer has this status.
func hasStatus(got answer, status int) error {
	if got.Status != status {
		return fmt.Errorf("answered %d %s, want %d", got.Status, got.Body, status)
	}
	return nil
}

// TestCertificatesRotateUnderLoad: both sides get new certificates, then another
// authority, in the order that the documentation says, while Envoy connects anew
// for every few requests. None is lost; the old certificates end up refused.
func TestCertificatesRotateUnderLoad(t *testing.T) {
	old, fresh := newAuthority(t), newAuthority(t)
	issuers := startIssuers(t)
	gateSide, envoySide := newSide(t, old.server(t), old), newSide(t, old.client(t, envoyName), old)
	gate := startGateUnready(t, tlsConfig(t, gateSide, envoyName), issuers.environment()...)
	gate.waitReady(t)
	const protocol = "explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: 5s, timeout: 1s } } }"
	shipped := startSecuredEnvoy(t, gate.address, startMirror(t), envoySide,
		protocol, protocol+"\n        common_http_protocol_options: { max_requests_per_connection: 20 }")
	eventually(t, 10*time.Second, "Envoy asks the gate", func() error {
		return hasStatus(http1(t, shipped.address, call{line: "GET /open"}), 200)
	})
	l := startLoad(t, shipped, 250, mixed(t, issuers))
	l.reaches(t, 250)

	reads := 0
	// reread waits until the gate has taken up a change, and some connections
	// have been made since.
	reread := func(what string) {
		t.Helper()
		reads++
		eventually(t, 10*time.Second, what, func() error {
			if got := gate.metric(t, `jwtgate_certificate_reads_total{result="ok"}`); int(got) < reads {
				return fmt.Errorf("%v readings", got)
			}
			return nil
		})
		l.reaches(t, int(l.sent.Load())+200)
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
		l.reaches(t, int(l.sent.Load())+200)
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
	t.Logf("%d sent, %d failed, %d wrong, slowest %v; %d handshakes of Envoy's", l.sent.Load(), l.failed.Load(), l.wrong.Load(), l.slowest.Round(time.Millisecond), handshakes)
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

// shakesHands connects by TLS and waits for the server's first word, which it
// says to those only whom it has taken.
func shakesHands(address string, trusted *authority, own tls.Certificate) error {
	pool := x509.NewCertPool()
	pool.AddCert(trusted.certificate)
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

// TestHealthcheckAsAContainerAsksIt: the built program asks the built program, by
// TLS and mutual TLS, on an address and on a Unix socket, and says what is wrong.
func TestHealthcheckAsAContainerAsksIt(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	issuers := startIssuers(t)
	own := newSide(t, servers.server(t), clients)
	probe := newSide(t, clients.client(t, "probe.example"), servers)
	stranger := newSide(t, servers.client(t, "probe.example"), servers)
	shown := func(s side) []string { return []string{"--cert", s.path("tls.crt"), "--key", s.path("tls.key")} }
	for _, address := range []string{freeAddress(t), "unix:" + filepath.Join(t.TempDir(), "gate.sock")} {
		text := strings.Replace(read(t, tlsConfig(t, own, "probe.example")), "server: {", fmt.Sprintf("server: {listen: %q, ", address), 1)
		file := writeFile(t, "jwtgate.yaml", text)
		gate := startServeWhereConfigured(t, address, freeAddress(t), []string{"--config", file}, issuers.environment())
		gate.waitReady(t)
		eventually(t, 10*time.Second, "jwtgate serves", func() error { return says(gate, `"msg":"serving"`) })
		for _, row := range []struct {
			name string
			args []string
			code int
			want string
		}{
			{"by the configuration", append([]string{"--config", file}, shown(probe)...), 0, address + " is serving"},
			{"by a CA", append([]string{"--config", file, "--ca", probe.path("ca.crt")}, shown(probe)...), 0, address + " is serving"},
			{"without a certificate", []string{"--config", file}, 2, "which wants clients to have a certificate"},
			{"with a stranger's", append([]string{"--config", file}, shown(stranger)...), 2, "no answer from"},
			{"in plain text", []string{"--addr", address}, 2, "no answer from"},
		} {
			got := jwtgate(t, issuers.environment(), append([]string{"healthcheck"}, row.args...)...)
			if got.code != row.code || !strings.Contains(got.stdout+got.stderr, row.want) {
				t.Errorf("%s, %s: exit code %d, want %d and %q:\n%s%s", address, row.name, got.code, row.code, row.want, got.stdout, got.stderr)
			}
		}
		gate.terminate(t)
		if code := gate.wait(t, 10*time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if got := jwtgate(t, issuers.environment(), append([]string{"healthcheck", "--config", file}, shown(probe)...)...); got.code != 2 {
			t.Errorf("%s, once it has ended: exit code %d, want 2", address, got.code)
		}
	}
}
