package extauthz_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/telemetry"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// authority signs certificates.
type authority struct{ *testutil.Authority }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	return &authority{testutil.NewAuthority(t)}
}

// store writes PEM files to dir. A file replaces the previous one of the same name.
func store(t *testing.T, dir string, pair tls.Certificate, ca *authority) extauthz.TLSFiles {
	t.Helper()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		testutil.Write(t, path, text)
		return path
	}
	certificate, key := testutil.CertificatePEM(t, pair)
	files := extauthz.TLSFiles{Cert: put("cert.pem", certificate), Key: put("key.pem", key)}
	if ca != nil {
		files.ClientCA = put("ca.pem", ca.PEM())
	}
	return files
}

func server() *x509.Certificate {
	return &x509.Certificate{DNSNames: []string{"jwtgate.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
}

// secured is a server that uses TLS.
func secured(t *testing.T, certificates *extauthz.Certificates) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gate := newGate(t, "default: deny\nroutes: [{name: open, match: /open, access: public}]\n", nil, nil)
	s := extauthz.NewServer(gate, observers(io.Discard, telemetry.NewMetrics(telemetry.Build{})), slog.New(slog.DiscardHandler),
		certificates, 1000)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx, 0)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// greets sends one Check to a server on a new connection.
func greets(t *testing.T, address string, transport credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(transport))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	answer, err := authv3.NewAuthorizationClient(conn).Check(ctx, newRequest("GET", "/open"))
	if err == nil && reason(answer) != "public" {
		t.Errorf("the answer is %v", answer)
	}
	return err
}

func read(t *testing.T, files extauthz.TLSFiles) *extauthz.Certificates {
	t.Helper()
	certificates, err := extauthz.ReadCertificates(files)
	if err != nil {
		t.Fatal(err)
	}
	return certificates
}

func (a *authority) trusted(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: a.Pool(), ServerName: "jwtgate.example", Certificates: certificates, MinVersion: tls.VersionTLS12}
}

// TestTLS checks that with a certificate the port accepts only TLS, version 1.2 or later.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	address := secured(t, read(t, store(t, t.TempDir(), ca.Sign(t, server()), nil)))
	if err := greets(t, address, credentials.NewTLS(ca.trusted())); err != nil {
		t.Errorf("TLS: %v", err)
	}
	if err := greets(t, address, insecure.NewCredentials()); err == nil {
		t.Error("plain text was answered")
	}
	old := ca.trusted()
	old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	if err := greets(t, address, credentials.NewTLS(old)); err == nil {
		t.Error("TLS 1.1 was answered")
	}
	if err := greets(t, address, credentials.NewTLS(newAuthority(t).trusted())); err == nil {
		t.Error("the client took a certificate of another authority")
	}
}

// TestMutualTLS checks that a client needs a valid certificate of the authority and, if
// names are configured, one of the names, and that a common name does not count.
func TestMutualTLS(t *testing.T) {
	ca, clients := newAuthority(t), newAuthority(t)
	files := store(t, t.TempDir(), ca.Sign(t, server()), clients)
	anyone := secured(t, read(t, files))
	files.ClientNames = []string{"envoy.example", "spiffe://example/ns/edge/sa/envoy"}
	few := secured(t, read(t, files))
	spiffe := func(text string) []*url.URL {
		parsed, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return []*url.URL{parsed}
	}
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, row := range []struct {
		name        string
		client      []tls.Certificate
		anyone, few bool
	}{
		{"no certificate", nil, false, false},
		{"another authority's", []tls.Certificate{newAuthority(t).Sign(t,
			&x509.Certificate{DNSNames: []string{"envoy.example"}, ExtKeyUsage: usage})}, false, false},
		{"expired", []tls.Certificate{clients.Sign(t, &x509.Certificate{DNSNames: []string{"envoy.example"}, ExtKeyUsage: usage,
			NotAfter: time.Now().Add(-time.Minute)})}, false, false},
		{"for servers only", []tls.Certificate{clients.Sign(t, &x509.Certificate{DNSNames: []string{"envoy.example"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})}, false, false},
		{"of a DNS name", []tls.Certificate{clients.Sign(t, &x509.Certificate{DNSNames: []string{"x.example", "envoy.example"},
			ExtKeyUsage: usage})}, true, true},
		{"of a SPIFFE ID", []tls.Certificate{clients.Sign(t, &x509.Certificate{URIs: spiffe("spiffe://example/ns/edge/sa/envoy"),
			ExtKeyUsage: usage})}, true, true},
		{"of another SPIFFE ID", []tls.Certificate{clients.Sign(t,
			&x509.Certificate{URIs: spiffe("spiffe://example/ns/edge/sa/envoy2"), ExtKeyUsage: usage})}, true, false},
		{"of a name below", []tls.Certificate{clients.Sign(t, &x509.Certificate{DNSNames: []string{"a.envoy.example", "*.example"},
			ExtKeyUsage: usage})}, true, false},
		{"of a common name", []tls.Certificate{clients.Sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "envoy.example"},
			ExtKeyUsage: usage})}, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for address, taken := range map[string]bool{anyone: row.anyone, few: row.few} {
				if err := greets(t, address, credentials.NewTLS(ca.trusted(row.client...))); (err == nil) != taken {
					t.Errorf("%v, want it taken: %v", err, taken)
				}
			}
		})
	}
}

// TestRotation checks that new connections get the new certificate, and that files that do
// not match each other change nothing.
func TestRotation(t *testing.T) {
	first, second := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	certificates := read(t, store(t, dir, first.Sign(t, server()), nil))
	address := secured(t, certificates)
	serves := func(who string, ca *authority, want bool) {
		t.Helper()
		if err := greets(t, address, credentials.NewTLS(ca.trusted())); (err == nil) != want {
			t.Errorf("%s: %v, want %v", who, err, want)
		}
	}
	serves("the first", first, true)
	files := store(t, dir, second.Sign(t, server()), nil)
	serves("before it is read", second, false)
	if err := certificates.Reload(); err != nil {
		t.Fatal(err)
	}
	serves("the second", second, true)
	serves("the first, which is gone", first, false)
	for name, text := range map[string]string{files.Cert: "no PEM", files.Key: ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := certificates.Reload(); err == nil {
			t.Errorf("%s was taken", name)
		}
		serves("the second still", second, true)
	}
}

// TestFileThatIsAPipe checks that a pipe in place of a file is rejected without waiting and
// changes nothing, and that a link to a file, as Kubernetes mounts it, is read.
func TestFileThatIsAPipe(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	files := store(t, dir, ca.Sign(t, server()), ca)
	certificates := read(t, files)
	for key, name := range map[string]string{"cert_file": files.Cert, "key_file": files.Key, "client_ca_file": files.ClientCA} {
		t.Run(key, func(t *testing.T) {
			there := name + ".there"
			if err := os.Rename(name, there); err != nil {
				t.Fatal(err)
			}
			testutil.NamedPipe(t, name)
			err := certificates.Reload()
			if wrong, ok := errors.AsType[*extauthz.FileError](err); !ok || wrong.Key != key ||
				!strings.Contains(err.Error(), "is not a regular file") {
				t.Errorf("%v", err)
			}
			if err := errors.Join(os.Remove(name), os.Symlink(there, name), certificates.Reload()); err != nil {
				t.Errorf("a link to the file: %v", err)
			}
		})
	}
}
