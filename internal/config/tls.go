package config

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func tlsObject() yamlform.Object[TLS] {
	return yamlform.Object[TLS]{
		Expected: "a mapping such as {cert_file: server.pem, key_file: server.key}",
		Synonyms: map[string]string{"cert": "cert_file", "key": "key_file", "ca_file": "client_ca_file", "ca": "client_ca_file"},
		Fields: []yamlform.FieldOf[TLS]{
			yamlform.Field("cert_file", "the gate's certificate, and behind it what links it to its CA", yamlform.FilePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.CertFile }).MustBeSet(),
			yamlform.Field("key_file", "its private key", yamlform.FilePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.KeyFile }).MustBeSet(),
			yamlform.Field("client_ca_file", "mutual TLS: a client must show a certificate that one of these CAs has signed",
				yamlform.FilePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.ClientCAFile }),
			yamlform.Field("client_names",
				"a client's certificate must have one of these as a DNS name or URI (SPIFFE ID), exactly; with none, any of the CA's is taken",
				yamlform.Set("a list such as [spiffe://prod.example/envoy]", clientNameCodec()), func(t *TLS) *[]string { return &t.ClientNames }),
		},
		Check: checkTLS,
	}
}

// clientName is a subject alternative name of a certificate (RFC 5280 section
// 4.2.1.6), a DNS name or a URI. What could never be equal to one is refused.
func clientNameCodec() yamlform.Codec[string] {
	const expected = "a DNS name such as envoy.example, or a URI such as spiffe://prod.example/envoy"
	return yamlform.Text(expected, func(text string) string {
		switch _, notIP := netip.ParseAddr(text); {
		case text == "":
			return "is empty; write " + expected
		case strings.Contains(text, "*"):
			return "is " + yamlform.Quote(text) + ", and a name is compared as it stands, without wildcards; write " + expected
		case notIP == nil || !hostName(text) && !isCanonicalURI(text):
			return "is " + yamlform.Quote(text) + "; write " + expected
		}
		return ""
	})
}

// wholeURI tells whether text is a URI that is written as it is compared.
func isCanonicalURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "") && u.String() == text
}

// checkTLS holds the rules that span the keys of server.tls.
func checkTLS(d *yamlform.Decoder, at yamlform.Place, _ *TLS) {
	if names := at.Child("client_names"); d.IsSet(names) && !d.IsSet(at.Child("client_ca_file")) {
		d.ReportPath(names, "has no effect without client_ca_file; write client_ca_file: FILE beside it, or leave it out")
	}
}
