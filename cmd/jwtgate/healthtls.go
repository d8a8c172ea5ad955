package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtgate/jwtgate/internal/config"
)

// transport returns how to connect to the server at address, whose configuration has
// the TLS settings served: by TLS if those or a flag enable it.
func (cmd healthcheckCommand) transport(address string, served config.TLS) (credentials.TransportCredentials, error) {
	if (cmd.Cert == "") != (cmd.Key == "") {
		return nil, errors.New("got one of --cert and --key; expected both or neither; see jwtgate healthcheck --help")
	}
	if cmd.CA == "" && cmd.Cert == "" && !served.Enabled() {
		return insecure.NewCredentials(), nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName(address)}
	if cmd.Cert != "" {
		pair, err := tls.LoadX509KeyPair(cmd.Cert, cmd.Key)
		if err != nil {
			return nil, fmt.Errorf("--cert %s, --key %s: %w", cmd.Cert, cmd.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	var own *x509.Certificate
	if served.Enabled() {
		var err error
		if own, err = leafOf(served.CertFile); err != nil && cmd.CA == "" {
			return nil, fmt.Errorf("server.tls.cert_file: %w", err)
		}
	}
	switch {
	case cmd.CA != "":
		if err := trust(c, cmd.CA, own); err != nil {
			return nil, err
		}
	case own != nil:
		pin(c, own)
	}
	return credentials.NewTLS(c), nil
}

// trust makes c accept a server certificate that a CA in the file signed, for the server
// name of c, or else for the name in the server's own certificate: few certificates are
// for an address such as 127.0.0.1.
func trust(c *tls.Config, file string, own *x509.Certificate) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--ca: %w", err)
	}
	if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("--ca %s has no PEM certificate", file)
	}
	if own != nil && own.VerifyHostname(c.ServerName) != nil && len(own.DNSNames) > 0 {
		c.ServerName = strings.Replace(own.DNSNames[0], "*", "healthcheck", 1)
	}
	return nil
}

// pin makes c accept exactly one certificate, whatever its signer, its names and its
// expiry: a health check does not judge those.
func pin(c *tls.Config, own *x509.Certificate) {
	c.InsecureSkipVerify = true // VerifyConnection accepts one certificate only
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if !bytes.Equal(state.PeerCertificates[0].Raw, own.Raw) {
			return errors.New("the server's certificate is not the one in server.tls.cert_file; " +
				"it is not reloaded yet, or its reload failed (see /readyz)")
		}
		return nil
	}
}

// serverName returns the name that the certificate of a server at address must have.
func serverName(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil && !strings.HasPrefix(address, "unix:") {
		return host
	}
	return "localhost"
}

// leafOf returns the first certificate in a PEM file: a server's own.
func leafOf(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, fmt.Errorf("%q has no PEM certificate", file)
}
