package testutil_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestPipes: the two ends are connected, with the time of the bubble, until the listener
// is closed.
func TestPipes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := testutil.NewPipes()
		go func() {
			conn, err := pipes.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "hello")
		}()
		conn, err := pipes.Dial(t.Context(), "tcp", "anywhere.example:443")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(conn); string(text) != "hello" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := pipes.Dial(ctx, "", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody accepts: %v", err)
		}
		_, _ = pipes.Close(), pipes.Close()
		if _, err := pipes.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
		if _, err := pipes.Dial(t.Context(), "", ""); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial: %v", err)
		}
	})
}

// TestAuthority: what an authority signs is trusted by its certificate, and by no
// other's.
func TestAuthority(t *testing.T) {
	one, other := testutil.NewAuthority(t), testutil.NewAuthority(t)
	pair := one.Sign(t, &x509.Certificate{DNSNames: []string{"gate.example"}})
	for name, row := range map[string]struct {
		roots *x509.CertPool
		host  string
		good  bool
	}{
		"its own":      {one.Pool(), "gate.example", true},
		"another":      {other.Pool(), "gate.example", false},
		"another name": {one.Pool(), "x.example", false},
	} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: row.roots, DNSName: row.host}); (err == nil) != row.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(one.PEM())) || !pool.Equal(one.Pool()) {
		t.Error("the PEM is not the certificate")
	}
	for _, files := range []func() (string, string){
		func() (string, string) { return testutil.CertificateFiles(t, pair) },
		func() (string, string) { return testutil.LoopbackCertificate(t) },
	} {
		if _, err := tls.LoadX509KeyPair(files()); err != nil {
			t.Error(err)
		}
	}
}
