package config

import (
	"net/netip"
	"net/url"
	"strings"
)

func tlsObject() object[TLS] {
	return object[TLS]{
		says:  "a mapping such as {cert_file: server.pem, key_file: server.key}",
		slips: map[string]string{"cert": "cert_file", "key": "key_file", "ca_file": "client_ca_file", "ca": "client_ca_file"},
		keys: []key[TLS]{
			field("cert_file", "the gate's certificate, and behind it what links it to its CA", filePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.CertFile }).must(),
			field("key_file", "its private key", filePath("the path of a PEM file"), func(t *TLS) *string { return &t.KeyFile }).must(),
			field("client_ca_file", "mutual TLS: a client must show a certificate that one of these CAs has signed", filePath("the path of a PEM file"),
				func(t *TLS) *string { return &t.ClientCAFile }),
			field("client_names", "a client's certificate must have one of these as a DNS name or URI (SPIFFE ID), exactly; with none, any of the CA's is taken",
				setOf("a list such as [spiffe://prod.example/envoy]", clientName()), func(t *TLS) *[]string { return &t.ClientNames }),
		},
		check: checkTLS,
	}
}

// clientName is a subject alternative name of a certificate (RFC 5280 section
// 4.2.1.6), a DNS name or a URI. What could never be equal to one is refused.
func clientName() form[string] {
	const says = "a DNS name such as envoy.example, or a URI such as spiffe://prod.example/envoy"
	return freeText(says, func(text string) string {
		switch _, notIP := netip.ParseAddr(text); {
		case text == "":
			return "is empty; write " + says
		case strings.Contains(text, "*"):
			return "is " + shown(text) + ", and a name is compared as it stands, without wildcards; write " + says
		case notIP == nil || !hostName(text) && !wholeURI(text):
			return "is " + shown(text) + "; write " + says
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
func checkTLS(d *decoder, at place, _ *TLS) {
	if names := at.below("client_names"); d.stated(names) && !d.stated(at.below("client_ca_file")) {
		d.wrong(names, "has no effect without client_ca_file; write client_ca_file: FILE beside it, or leave it out")
	}
}
