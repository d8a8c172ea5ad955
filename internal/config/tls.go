package config

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

func tlsObject() yamlform.Object[TLS] {
	return yamlform.Object[TLS]{
		Form:     "a mapping such as {cert_file: server.pem, key_file: server.key}",
		Synonyms: map[string]string{"cert": "cert_file", "key": "key_file", "ca_file": "client_ca_file", "ca": "client_ca_file"},
		Fields: []yamlform.FieldOf[TLS]{
			yamlform.Field("cert_file", "the gate's certificate, and behind it what links it to its CA", yamlform.FilePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.CertFile }).Must(),
			yamlform.Field("key_file", "its private key", yamlform.FilePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.KeyFile }).Must(),
			yamlform.Field("client_ca_file", "mutual TLS: a client must show a certificate that one of these CAs has signed",
				yamlform.FilePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.ClientCAFile }),
			yamlform.Field("client_names",
				"a client's certificate must have one of these as a DNS name or URI (SPIFFE ID), exactly; with none, any of the CA's is taken",
				yamlform.Set("a list such as [spiffe://prod.example/envoy]", clientName()), func(t *TLS) *[]string { return &t.ClientNames }),
		},
		Check: checkTLS,
	}
}

// clientName is a subject alternative name of a certificate (RFC 5280 section
// 4.2.1.6), a DNS name or a URI. What could never be equal to one is refused.
func clientName() yamlform.Codec[string] {
	const form = "a DNS name such as envoy.example, or a URI such as spiffe://prod.example/envoy"
	return yamlform.Text(form, func(text string) string {
		switch _, notIP := netip.ParseAddr(text); {
		case text == "":
			return "is empty; write " + form
		case strings.Contains(text, "*"):
			return "is " + yamlform.Quote(text) + ", and a name is compared as it stands, without wildcards; write " + form
		case notIP == nil || !hostName(text) && !wholeURI(text):
			return "is " + yamlform.Quote(text) + "; write " + form
		}
		return ""
	})
}

// wholeURI tells whether text is a URI that is written as it is compared.
func wholeURI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "") && u.String() == text
}

// checkTLS holds the rules that span the keys of server.tls.
func checkTLS(d *yamlform.Decoder, at yamlform.Place, _ *TLS) {
	if names := at.Below("client_names"); d.Stated(names) && !d.Stated(at.Below("client_ca_file")) {
		d.FaultAt(names, "has no effect without client_ca_file; write client_ca_file: FILE beside it, or leave it out")
	}
}
