//go:build !race

package e2e

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestMutualTLSThroughEnvoy: Envoy and the gate use TLS as documented. The gate answers an
// Envoy whose certificate is from the authority and has one of the names; any other Envoy
// cannot connect, and clients get an outage.
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
		{
			"Envoy does not offer HTTP/2", clients.client(t, envoyName), servers, []string{"          alpn_protocols: [ h2 ]", "          #"},
			"add alpn_protocols: [h2] under common_tls_context",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := tlsConfig(t, newSide(t, servers.server(t), clients), "envoy.example", envoyName)
			gate := startGateUnready(t, file, issuers.environment()...)
			gate.waitReady(t)
			shipped := startSecuredEnvoy(t, gate.address, application.address, newSide(t, row.client, row.trusts), row.edits...)
			if row.refuse == "" {
				eventually(t, 10*time.Second, "Envoy asks the gate", func() error { return hasStatus(http1(t, shipped.address, user), 200) })
				missing := denial{wantStatus: 401, wantReason: "credential_missing", wantChallenge: noError}
				missing.check(t, http1(t, shipped.address, call{line: "GET /orders"}))
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

// TestHealthcheckAsAContainerRunsIt: the built program checks the built program, by TLS and
// mutual TLS, on an address and on a Unix socket, and reports what is wrong.
func TestHealthcheckAsAContainerRunsIt(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	issuers := startIssuers(t)
	own := newSide(t, servers.server(t), clients)
	probe := newSide(t, clients.client(t, "probe.example"), servers)
	stranger := newSide(t, servers.client(t, "probe.example"), servers)
	shown := func(s side) []string { return []string{"--cert", s.path("tls.crt"), "--key", s.path("tls.key")} }
	for _, address := range []string{freeAddress(t), "unix:" + filepath.Join(t.TempDir(), "gate.sock")} {
		text := strings.Replace(read(t, tlsConfig(t, own, "probe.example")), "server: {", fmt.Sprintf("server: {listen: %q, ", address), 1)
		file := testutil.File(t, "jwtgate.yaml", text)
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
			{"without a certificate", []string{"--config", file}, 2, "which requires a client certificate"},
			{"with a stranger's", append([]string{"--config", file}, shown(stranger)...), 2, "no answer from"},
			{"in plain text", []string{"--addr", address}, 2, "no answer from"},
		} {
			got := jwtgate(t, issuers.environment(), append([]string{"healthcheck"}, row.args...)...)
			if got.code != row.code || !strings.Contains(got.stdout+got.stderr, row.want) {
				t.Errorf("%s, %s: exit code %d, want %d and %q:\n%s%s", address, row.name, got.code, row.code, row.want, got.stdout, got.stderr)
			}
		}
		gate.Terminate(t)
		if code := gate.Wait(t, 10*time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if got := jwtgate(t, issuers.environment(), append([]string{"healthcheck", "--config", file}, shown(probe)...)...); got.code != 2 {
			t.Errorf("%s, once it has ended: exit code %d, want 2", address, got.code)
		}
	}
}
