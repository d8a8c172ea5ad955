package testutil

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Pipes is a listener for connections in memory, of [net.Pipe]. Its deadlines are those
// of a synctest bubble. Make one with [NewPipes].
type Pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// NewPipes returns a listener to which only its own method Dial connects.
func NewPipes() *Pipes { return &Pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

// Dial connects to the listener, whatever the address is.
func (p *Pipes) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept returns the other end of the next connection.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial.
func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr returns the address of no network.
func (p *Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// Authority signs certificates.
type Authority struct{ pair tls.Certificate }

// NewAuthority returns an authority with a certificate and a key of its own.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	return &Authority{SelfSigned(t, &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "test authority"},
	})}
}

// Certificate returns the authority's own certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.pair.Leaf }

// Pool returns a pool with the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.pair.Leaf)
	return pool
}

// PEM returns the authority's certificate as the text of a file.
func (a *Authority) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.pair.Certificate[0]}))
}

// File writes the authority's certificate and returns the file's name.
func (a *Authority) File(t testing.TB) string {
	t.Helper()
	certificate, _ := CertificateFiles(t, a.pair)
	return certificate
}

// Sign makes a certificate with a key of its own. Where the template says no times, it
// is valid from an hour ago for two hours.
func (a *Authority) Sign(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	return sign(t, template, &a.pair)
}

// SelfSigned makes a certificate that signs itself.
func SelfSigned(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	return sign(t, template, nil)
}

func sign(t testing.TB, template *x509.Certificate, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<60)); err != nil {
		t.Fatal(err)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// CertificatePEM returns a certificate and its key as the text of files.
func CertificatePEM(t testing.TB, pair tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// CertificateFiles writes a certificate and its key and returns the names of the files.
func CertificateFiles(t testing.TB, pair tls.Certificate) (certificate, key string) {
	t.Helper()
	certificate, key = CertificatePEM(t, pair)
	dir := Files(t, map[string]string{"certificate.pem": certificate, "key.pem": key})
	return filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
}

// LoopbackCertificate writes a self-signed certificate for 127.0.0.1 and its key, and
// returns the names of the files.
func LoopbackCertificate(t testing.TB) (certificate, key string) {
	t.Helper()
	return CertificateFiles(t, SelfSigned(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}))
}
