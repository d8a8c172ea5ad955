package extauthz

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/filewatch"
)

// TLSFiles are the PEM files for TLS on the gRPC port.
type TLSFiles struct {
	Cert, Key string // the server's certificate with its chain, and its private key
	// ClientCA has the certificates of the CAs that sign clients' certificates. If it is
	// empty, clients need no certificate.
	ClientCA string
	// ClientNames are DNS names and URIs. A client's certificate must contain one of them
	// exactly. If there are none, any certificate of the CAs is accepted.
	ClientNames []string
}

// FileError says what is wrong with one of the files. It never contains the contents of a
// file.
type FileError struct {
	Key string // the configuration key: cert_file, key_file or client_ca_file
	Err error
}

// Error returns the key and the text of Err.
func (e *FileError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *FileError) Unwrap() error { return e.Err }

// Certificates are the certificates for new connections. It is safe for concurrent use. Make
// one with [ReadCertificates].
type Certificates struct {
	files TLSFiles
	live  atomic.Pointer[loaded]
}

// loaded is the contents of the files at one time.
type loaded struct {
	config  *tls.Config
	expires time.Time
}

// ReadCertificates reads the files and checks that they match each other. It does not check
// that the certificate has not expired or that a client trusts it. The error joins a
// [*FileError] for each invalid file.
func ReadCertificates(files TLSFiles) (*Certificates, error) {
	c := &Certificates{files: files}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again, for new connections. If it returns an error, which is like
// that of [ReadCertificates], the previous certificates stay in use.
func (c *Certificates) Reload() error {
	read, err := c.files.read()
	if err != nil {
		return err
	}
	c.live.Store(read)
	return nil
}

// Expires returns when the server's certificate expires.
func (c *Certificates) Expires() time.Time { return c.live.Load().expires }

// config returns the TLS configuration of a server that uses, for each connection, the
// certificates that are current then.
func (c *Certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.live.Load().config, nil
		},
	}
}

func (f TLSFiles) read() (*loaded, error) {
	chain, cert, certErr := certificatesIn("cert_file", f.Cert)
	key, keyErr := contents("key_file", f.Key)
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"}, // RFC 9113 section 3.2
		// A resumed session would let a client in whose CA or name was removed. Envoy's
		// connections are long-lived, so that full handshakes cost little.
		SessionTicketsDisabled: true,
		VerifyConnection:       requireHTTP2,
	}
	if certErr == nil && keyErr == nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			keyErr = &FileError{"key_file", fmt.Errorf("%q does not match cert_file: %w", f.Key, err)}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	var caErr error
	if f.ClientCA != "" {
		caErr = f.requireClientCert(config)
	}
	if err := errors.Join(certErr, keyErr, caErr); err != nil {
		return nil, err
	}
	return &loaded{config: config, expires: chain[0].NotAfter}, nil
}

// requireClientCert makes config require certificates of clients.
func (f TLSFiles) requireClientCert(config *tls.Config) error {
	signers, _, err := certificatesIn("client_ca_file", f.ClientCA)
	if err != nil {
		return err
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	for _, signer := range signers {
		config.ClientCAs.AddCert(signer)
	}
	if len(f.ClientNames) > 0 {
		// It is called after the chain was verified.
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return cmp.Or(requireHTTP2(state), requireName(state.PeerCertificates[0], f.ClientNames))
		}
	}
	return nil
}

// requireHTTP2 returns an error if the client did not offer HTTP/2. Without alpn_protocols,
// Envoy does not offer it, even if its cluster uses HTTP/2. grpc-go rejects such a connection
// too (RFC 9113 section 3.2), but its error does not name Envoy's option.
func requireHTTP2(state tls.ConnectionState) error {
	if state.NegotiatedProtocol == "h2" {
		return nil
	}
	return errors.New("the client does not offer HTTP/2 in the handshake (ALPN); " +
		"hint: in Envoy, add alpn_protocols: [h2] under common_tls_context")
}

// requireName returns an error unless a certificate has one of these names, as a DNS name or
// as a URI (RFC 5280 section 4.2.1.6). It ignores the common name (RFC 9525 section 2).
func requireName(leaf *x509.Certificate, wanted []string) error {
	names := slices.Clone(leaf.DNSNames)
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	if slices.ContainsFunc(names, func(name string) bool { return slices.Contains(wanted, name) }) {
		return nil
	}
	const limit = 8 // a certificate can have thousands of names
	return fmt.Errorf("the client's certificate has none of client_names; its names are %.100q", names[:min(len(names), limit)])
}

// contents reads the file of a configuration key.
func contents(key, name string) ([]byte, error) {
	file, err := filewatch.OpenRegular(name)
	if err != nil {
		return nil, &FileError{key, err}
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, &FileError{key, err}
	}
	return text, nil
}

// certificatesIn returns the certificates in a file, at least one, and the contents of the
// file.
func certificatesIn(key, file string) (all []*x509.Certificate, text []byte, err error) {
	if text, err = contents(key, file); err != nil {
		return nil, nil, err
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, &FileError{key, fmt.Errorf("certificate %d in %q: %w", len(all)+1, file, err)}
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, nil, &FileError{key, fmt.Errorf("%q contains no PEM certificate", file)}
	}
	return all, text, nil
}
