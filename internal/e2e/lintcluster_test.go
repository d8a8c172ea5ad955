//go:build !race

package e2e

import (
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

const (
	clusterOption = "    connect_timeout: 0.25s\n" // only in the gate's cluster
	dnsFamily     = "    dns_lookup_family: V4_PREFERRED # the default resolves localhost to ::1, where nothing listens\n"
	panicAtZero   = "    common_lb_config: { healthy_panic_threshold: { value: 0 } } " +
		"# fail immediately instead of calling unhealthy replicas\n"
	keptAlive = "explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: 5s, timeout: 1s } } }"
)

// secured are jwtgates with TLS, and certificates.
type secured struct {
	ca, otherCA      string // certificates of the authority, and of one that signed nothing
	certificate, key string // of a client
	file, mutualFile string // configurations
	gate, mutual     *gateProcess
	socket           *gateProcess // without TLS, on a Unix socket
}

func startSecured(t *testing.T, w *lintFixture) *secured {
	t.Helper()
	authority, other := newAuthority(t), newAuthority(t)
	s := &secured{}
	s.ca = authority.File(t)
	s.otherCA = other.File(t)
	s.certificate, s.key = testutil.CertificateFiles(t,
		authority.Sign(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}))
	own, ownKey := testutil.CertificateFiles(t,
		authority.Sign(t,
			&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}))
	config := func(more string) string {
		server := fmt.Sprintf("server: {tls: {cert_file: %q, key_file: %q%s}, ", own, ownKey, more)
		return testutil.File(t, "jwtgate.yaml", strings.Replace(twoIssuers, "server: {", server, 1)+lintRoutes)
	}
	s.file, s.mutualFile = config(""), config(fmt.Sprintf(", client_ca_file: %q", s.ca))
	serve := func(file string) *gateProcess {
		g := startServe(t, freeAddress(t), freeAddress(t), []string{"--config", file}, w.issuers.environment())
		g.waitReady(t)
		return g
	}
	s.gate, s.mutual = serve(s.file), serve(s.mutualFile)
	socket := filepath.Join(t.TempDir(), "gate.sock")
	onSocket := testutil.File(t, "jwtgate.yaml", strings.Replace(twoIssuers, "server: {", `server: {listen: "unix:`+socket+`", `, 1))
	s.socket = startServeWhereConfigured(t, "unix:"+socket, freeAddress(t), []string{"--config", onSocket}, w.issuers.environment())
	s.socket.waitServing(t)
	s.socket.waitReady(t)
	return s
}

// asks returns a cluster's transport to a gate with TLS.
func asks(common ...string) string {
	return asksWithoutALPN(append(common, "alpn_protocols: [ h2 ]")...)
}

func asksWithoutALPN(common ...string) string {
	return clusterOption + `    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: { ` + strings.Join(common, ", ") + " }\n"
}

func trusting(ca string) string {
	return fmt.Sprintf("validation_context: { trusted_ca: { filename: %q } }", ca)
}

// lintClusterRows are about the gate's cluster.
func lintClusterRows(t *testing.T, w *lintFixture) []lintRow {
	s := startSecured(t, w)
	// One replica serves, and the others report that they do not.
	beside := func(_ *testing.T, w *lintFixture, file string) string {
		for i, away := range w.away {
			file = strings.Replace(file, fmt.Sprintf("port_value: 6500%d", i+1), "port_value: "+port(away.address), 1)
		}
		return file
	}
	awayAsked := func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
		for range 30 {
			http1(t, p.address, call{line: "GET /"})
		}
		return len(w.away[0].checks())+len(w.away[1].checks()) > 0
	}
	address := func(g *gateProcess) func(*lintFixture) string { return func(*lintFixture) string { return g.address } }
	show := fmt.Sprintf("tls_certificates: [ { certificate_chain: { filename: %q }, private_key: { filename: %q } } ]", s.certificate, s.key)
	return []lintRow{
		{id: "gate-cluster-elsewhere", edits: []string{"  - name: jwtgate\n", "  - name: elsewhere\n"}, open: refused},
		{id: "no-health-check", scripted: true, also: []string{gateEndpoint, gateEndpoint + endpoint("65001")}, finish: beside,
			edits: []string{healthChecks(t), ""}, open: awayAsked},
		{id: "panic-threshold", scripted: true,
			also: []string{gateEndpoint, gateEndpoint + endpoint("65001") + endpoint("65002")}, finish: beside,
			edits: []string{panicAtZero, ""}, open: awayAsked},
		{id: "dns-family", edits: []string{dnsFamily, ""},
			gate: func(w *lintFixture) string { return "localhost:" + port(w.configured.gate.address) }, open: refused},
		{id: "unix-static", gate: address(s.socket), fix: []string{"An edge Envoy", "AN edge Envoy"}, open: refused,
			finish: func(_ *testing.T, _ *lintFixture, file string) string {
				if strings.Contains(file, "AN edge Envoy") {
					return file
				}
				return strings.Replace(file, "    type: STATIC # edit: gate-type", "    type: STRICT_DNS", 1)
			}},
		// Envoy does not start with health checks and HTTP/1.1.
		{id: "http2-missing", also: []string{healthChecks(t), ""}, further: []string{"no-health-check"}, always: []string{"no-health-check"},
			edits: []string{keptAlive, "explicit_http_config: { http_protocol_options: {} }"}, open: refused},
		{id: "gate-tls", name: "Envoy alone speaks it", edits: []string{clusterOption, asks(trusting(s.ca))}, open: refused},
		{id: "gate-tls", name: "only jwtgate uses it", file: s.file, gate: address(s.gate),
			fix: []string{clusterOption, asks(trusting(s.ca))}, open: refused},
		{id: "gate-tls", name: "no certificate to show", file: s.mutualFile, gate: address(s.mutual),
			edits: []string{clusterOption, asks(trusting(s.ca))}, fix: []string{clusterOption, asks(trusting(s.ca), show)}, open: refused},
		{id: "gate-tls", name: "no protocol to agree on", file: s.file, gate: address(s.gate),
			edits: []string{clusterOption, asksWithoutALPN(trusting(s.ca))}, fix: []string{clusterOption, asks(trusting(s.ca))}, open: refused},
		// The gate's certificate is not one that the file trusts.
		{id: "gate-unverified", file: s.file, gate: address(s.gate), edits: []string{clusterOption, asks()},
			fix:  []string{clusterOption, asks(trusting(s.otherCA))},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool { return !refused(t, w, p) }},
	}
}
