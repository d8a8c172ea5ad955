//go:build !race

package e2e

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// stranger answers in the place of the issuer, with a certificate that is not the issuer's,
// and notices the client's secret.
type stranger struct {
	*httptest.Server
	got atomic.Bool
}

func startStranger(t *testing.T, secure bool) *stranger {
	t.Helper()
	s := &stranger{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.got.Store(s.got.Load() || r.PostFormValue("client_secret") == clientSecret)
		w.WriteHeader(http.StatusBadGateway)
	}))
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// toStranger changes the token endpoint of login.yaml, and the address and the TLS of its cluster.
func toStranger(file, uri, address, tls string) string {
	file = regexp.MustCompile(`token_endpoint: \{ uri: "[^"]*"`).ReplaceAllString(file, `token_endpoint: { uri: "`+uri+`"`)
	at := strings.LastIndex(file, "address: 127.0.0.1, port_value: ")
	file = file[:at] + regexp.MustCompile(`address: 127.0.0.1, port_value: [0-9]+`).ReplaceAllString(file[at:], "address: "+address)
	if tls == "" {
		return file
	}
	return strings.Replace(file, "# no TLS: this issuer is on loopback", `transport_socket: { name: a, typed_config: { "@type": `+
		`type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, `+tls+` } }`, 1)
}

// TestLintIssuer: `jwtgate lint-envoy` reports with which settings a real Envoy gives the
// client's secret to others.
func TestLintIssuer(t *testing.T) {
	const secure, trusts = "https://login.example/token", "common_tls_context: { validation_context: { trusted_ca: { filename: CA }"
	const name = ", match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: login.example } } ]"
	plain := []string{"oauth2-issuer-plain"}
	for name, row := range map[string]struct {
		host   string // of the cluster's address
		uri    string // of the token endpoint
		tls    string // with CA for a file with the stranger's certificate; empty: no TLS
		secret bool   // the stranger gets it
		want   []string
	}{
		"a URL with https":    {host: "127.0.0.1", uri: secure, secret: true, want: plain},
		"not on this machine": {host: "0.0.0.0", uri: "http://login.example/token", secret: true, want: plain}, // is for Linux
		"any certificate":     {host: "127.0.0.1", uri: secure, tls: "common_tls_context: {}", secret: true, want: plain},
		"any name":            {host: "127.0.0.1", uri: secure, tls: trusts + " } }", secret: true, want: plain},
		"the issuer's name":   {host: "127.0.0.1", uri: secure, tls: trusts + name + " } }"},
	} {
		t.Run(name, func(t *testing.T) {
			other := startStranger(t, row.tls != "")
			ca := ""
			if row.tls != "" {
				ca = testutil.File(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})))
			}
			s := startLogin(t, time.Hour, loginLintRow{rewrite: func(file string) string {
				return toStranger(file, row.uri, row.host+", port_value: "+port(other.Listener.Addr().String()), strings.ReplaceAll(row.tls, "CA", ca))
			}})
			if got := s.findings(t); !slices.Equal(got, row.want) {
				t.Errorf("found %q, want %q", got, row.want)
			}
			b := newLoginBrowser()
			callback := callbackOf(t, s, b, "/orders")
			if !strings.Contains(callback, "code=") {
				t.Fatalf("the issuer leads to %q", callback)
			}
			b.send(t, http.MethodGet, callback, navigation, "")
			if got := other.got.Load(); got != row.secret {
				t.Errorf("a stranger got the secret: %v, want %v", got, row.secret)
			}
		})
	}
}
