package config_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

func TestTLS(t *testing.T) {
	server := func(tls string) config.TLS { return parse(t, pool+"server: {tls: {"+tls+"}}\n").Server.TLS }
	const pair = "cert_file: a.pem, key_file: b.pem"
	names := []string{"envoy.example", "spiffe://prod.example/ns/edge/sa/envoy", "urn:example:envoy"}
	compare(t, []valueRow{
		{"none", parse(t, pool).Server.TLS, config.TLS{}},
		{"a certificate alone", server(pair), config.TLS{CertFile: "a.pem", KeyFile: "b.pem"}},
		{"clients of a CA", server(pair + ", client_ca_file: /c.pem"), config.TLS{CertFile: "a.pem", KeyFile: "b.pem", ClientCAFile: "/c.pem"}},
		{"any client of a CA", server(pair + ", client_ca_file: c.pem, client_names: []"),
			config.TLS{CertFile: "a.pem", KeyFile: "b.pem", ClientCAFile: "c.pem", ClientNames: []string{}}},
		{"clients by name", server(pair +
			", client_ca_file: c.pem, client_names: ['envoy.example', 'spiffe://prod.example/ns/edge/sa/envoy', 'urn:example:envoy']"),
			config.TLS{CertFile: "a.pem", KeyFile: "b.pem", ClientCAFile: "c.pem", ClientNames: names}},
		{"files", server(pair + ", client_ca_file: c.pem").Files(), []string{"a.pem", "b.pem", "c.pem"}},
		{"files of a pair", server(pair).Files(), []string{"a.pem", "b.pem"}},
		{"enabled", server(pair).Enabled(), true},
		{"not enabled", config.TLS{}.Enabled(), false},
	})
}

func TestTLSMistakes(t *testing.T) {
	in := func(tls string) string { return pool + "server:\n  tls: " + tls + "\n" }
	const missing = " is missing; expected the path of a PEM file"
	const says = "; expected a DNS name such as envoy.example, or a URI such as spiffe://prod.example/envoy"
	name := func(name string) string {
		return in("{cert_file: a, key_file: b, client_ca_file: c, client_names: [" + name + "]}")
	}
	check(t, []file{
		{"nothing in it", in("{}"), []string{"3:3: server.tls.cert_file" + missing, "3:3: server.tls.key_file" + missing}},
		{"no value", in(""),
			[]string{"3:3: server.tls has no value; set it to a mapping such as {cert_file: server.pem, key_file: server.key}, or remove the key"}},
		{"a word", in("true"),
			[]string{`3:8: server.tls is the single value "true"; expected a mapping such as {cert_file: server.pem, key_file: server.key}`}},
		{"no key", in("{cert_file: a}"), []string{"3:3: server.tls.key_file" + missing}},
		{"no certificate", in("{key_file: a}"), []string{"3:3: server.tls.cert_file" + missing}},
		{"clients alone", in("{client_ca_file: a}"), []string{"3:3: server.tls.cert_file" + missing, "3:3: server.tls.key_file" + missing}},
		{"an empty file", in("{cert_file: '', key_file: b}"), []string{"3:20: server.tls.cert_file is empty; expected the path of a PEM file"}},
		{"an empty CA", in("{cert_file: a, key_file: b, client_ca_file: ''}"),
			[]string{"3:52: server.tls.client_ca_file is empty; expected the path of a PEM file"}},
		{"another's word", in("{cert: a, key_file: b}"),
			[]string{"3:3: server.tls.cert_file" + missing, `3:9: unknown key "cert" in server.tls; did you mean cert_file?`}},
		{"names without a CA", in("{cert_file: a, key_file: b, client_names: [envoy.example]}"), []string{
			"3:36: server.tls.client_names has no effect without client_ca_file; set client_ca_file, or remove it"}},
		{"no names without a CA", in("{cert_file: a, key_file: b, client_names: []}"), []string{
			"3:36: server.tls.client_names has no effect without client_ca_file; set client_ca_file, or remove it"}},
		{"a name twice", name("a.example, a.example"), []string{"3:81: server.tls.client_names[1] repeats an earlier item; remove it"}},
		{"an empty name", name("''"), []string{"3:70: server.tls.client_names[0] is empty" + says}},
		{"a wildcard", name("'*.example'"), []string{
			`3:70: server.tls.client_names[0] contains a wildcard, but names are compared exactly: got "*.example"` + says}},
		{"an address", name("192.0.2.7"), []string{`3:70: server.tls.client_names[0] is invalid: got "192.0.2.7"` + says}},
		{"a common name", name("CN=envoy"), []string{`3:70: server.tls.client_names[0] is invalid: got "CN=envoy"` + says}},
		{"a URI that is written in another way", name("SPIFFE://prod.example/envoy"),
			[]string{`3:70: server.tls.client_names[0] is invalid: got "SPIFFE://prod.example/envoy"` + says}},
		{"a path", name("/envoy"), []string{`3:70: server.tls.client_names[0] is invalid: got "/envoy"` + says}},
	})
}
