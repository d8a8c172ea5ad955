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

// TLSFiles are the PEM files by which the two sides of the gRPC port prove who
// they are.
type TLSFiles struct {
	Cert, Key string // the server's certificate with its chain, and its private key
	// ClientCA signs the certificates of clients, which then must have one;
	// empty: they need none.
	ClientCA string
	// ClientNames are DNS names and URIs, of which a client's certificate must
	// have one, exactly; empty: any certificate of the CA.
	ClientNames []string
}

// FileError is what is wrong with one of the files. It never holds what is in a
// file.
type FileError struct {
	Key string // as the configuration calls it: cert_file, key_file or client_ca_file
	Err error
}

// Error names the key and says what is wrong with its file.
func (e *FileError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the file.
func (e *FileError) Unwrap() error { return e.Err }

// Certificates are the certificates that new connections get. It is safe for
// concurrent use. Make one with [ReadCertificates].
type Certificates struct {
	files TLSFiles
	live  atomic.Pointer[reading]
}

// reading is what the files held when they were read.
type reading struct {
	config  *tls.Config
	expires time.Time
}

// ReadCertificates reads the files, and holds them to fitting each other. That
// the certificate is still good, or that anybody trusts it, it does not prove. The
// error joins a [*FileError] for each file that has something wrong.
func ReadCertificates(files TLSFiles) (*Certificates, error) {
	c := &Certificates{files: files}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again, for connections that are yet to come. After an
// error, which is that of [ReadCertificates], those from before stay.
func (c *Certificates) Reload() error {
	r, err := c.files.read()
	if err != nil {
		return err
	}
	c.live.Store(r)
	return nil
}

// Expires is when the server's own certificate ends.
func (c *Certificates) Expires() time.Time { return c.live.Load().expires }

// config is the TLS configuration of a server with whatever certificates are
// live when a client comes.
func (c *Certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.live.Load().config, nil
		},
	}
}

func (f TLSFiles) read() (*reading, error) {
	chain, cert, certErr := certificatesIn("cert_file", f.Cert)
	key, keyErr := contents("key_file", f.Key)
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"}, // RFC 9113 section 3.2
		// A resumed session would bring a client back past a CA or name that has
		// been taken away. Envoy's connections last; a whole handshake costs nothing.
		SessionTicketsDisabled: true,
		VerifyConnection:       speaksHTTP2,
	}
	if certErr == nil && keyErr == nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			keyErr = &FileError{"key_file", fmt.Errorf("%q does not fit cert_file: %w", f.Key, err)}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	var caErr error
	if f.ClientCA != "" {
		caErr = f.askClients(config)
	}
	if err := errors.Join(certErr, keyErr, caErr); err != nil {
		return nil, err
	}
	return &reading{config: config, expires: chain[0].NotAfter}, nil
}

// askClients has config want certificates of clients.
func (f TLSFiles) askClients(config *tls.Config) error {
	signers, _, err := certificatesIn("client_ca_file", f.ClientCA)
	if err != nil {
		return err
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	for _, signer := range signers {
		config.ClientCAs.AddCert(signer)
	}
	if len(f.ClientNames) > 0 {
		// Called once the chain is verified.
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return cmp.Or(speaksHTTP2(state), named(state.PeerCertificates[0], f.ClientNames))
		}
	}
	return nil
}

// speaksHTTP2 is nil if the client has said that it does. An Envoy whose cluster
// speaks HTTP/2 does not say so of itself, and grpc-go, which refuses it then
// (RFC 9113 section 3.2), does not know Envoy's option.
func speaksHTTP2(state tls.ConnectionState) error {
	if state.NegotiatedProtocol == "h2" {
		return nil
	}
	return errors.New("the client does not offer HTTP/2 in the handshake (ALPN); in Envoy, write alpn_protocols: [h2] under common_tls_context")
}

// named is nil if a certificate has one of these names, as a DNS name or as a URI
// (RFC 5280 section 4.2.1.6). The common name is none (RFC 9525 section 2).
func named(leaf *x509.Certificate, wanted []string) error {
	names := slices.Clone(leaf.DNSNames)
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	if slices.ContainsFunc(names, func(name string) bool { return slices.Contains(wanted, name) }) {
		return nil
	}
	const most = 8 // a certificate may hold thousands
	return fmt.Errorf("the client's certificate has none of client_names; its names are %.100q", names[:min(len(names), most)])
}

// contents reads a file of a key of the configuration.
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

// certificatesIn returns the certificates in a file, at least one, and the file.
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
		return nil, nil, &FileError{key, fmt.Errorf("%q holds no PEM certificate", file)}
	}
	return all, text, nil
}
