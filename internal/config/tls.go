package config

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func tlsObject(t *TLS) yamlform.Object {
	return yamlform.Object{
		Expected: "a mapping such as {cert_file: server.pem, key_file: server.key}",
		Synonyms: map[string]string{"cert": "cert_file", "key": "key_file", "ca_file": "client_ca_file", "ca": "client_ca_file"},
		Rows: []yamlform.Row{
			yamlform.Field("cert_file", "the gate's certificate, followed by the intermediate certificates up to its CA",
				yamlform.FilePath("the path of a PEM file"), &t.CertFile).MustBeSet(),
			yamlform.Field("key_file", "the private key of the certificate", yamlform.FilePath("the path of a PEM file"), &t.KeyFile).MustBeSet(),
			yamlform.Field("client_ca_file", "mutual TLS: a client must present a certificate signed by one of these CAs",
				yamlform.FilePath("the path of a PEM file"), &t.ClientCAFile),
			yamlform.Field("client_names",
				"a client certificate must have one of these DNS names or URIs (SPIFFE IDs), compared exactly; by default, any certificate of the "+
					"CAs is accepted",
				yamlform.Set("a list such as [spiffe://prod.example/envoy]", clientNameCodec()), &t.ClientNames),
		},
		Check: checkTLS,
	}
}

// clientNameCodec is a subject alternative name of a certificate (RFC 5280 section
// 4.2.1.6), a DNS name or a URI. It rejects texts that cannot equal one.
func clientNameCodec() yamlform.Codec[string] {
	const expected = "a DNS name such as envoy.example, or a URI such as spiffe://prod.example/envoy"
	return yamlform.Text(expected, func(text string) string {
		switch _, notIP := netip.ParseAddr(text); {
		case text == "":
			return "is empty; expected " + expected
		case strings.Contains(text, "*"):
			return "contains a wildcard, but names are compared exactly: got " + yamlform.Quote(text) + "; expected " + expected
		case notIP == nil || !hostName(text) && !isCanonicalURI(text):
			return "is invalid: got " + yamlform.Quote(text) + "; expected " + expected
		}
		return ""
	})
}

// isCanonicalURI reports whether text is an absolute URI in the form in which URIs are
// compared.
func isCanonicalURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "") && u.String() == text
}

// checkTLS checks the rules that involve several keys of server.tls.
func checkTLS(d *yamlform.Decoder, at yamlform.Place) {
	if names := at.Child("client_names"); d.IsSet(names) && !d.IsSet(at.Child("client_ca_file")) {
		d.ReportPath(names, "has no effect without client_ca_file; set client_ca_file, or remove it")
	}
}
