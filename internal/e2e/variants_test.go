//go:build !race

package e2e

import (
	"os"
	"strings"
	"testing"
)

// What is sent to the gate must not decide anything: with the shipped list of
// headers and without it, in front of an Envoy that protects nothing and of one
// that does, the same comes out.

// allowedHeaders is the part of the shipped file that lists what is sent.
func allowedHeaders(t *testing.T) string {
	t.Helper()
	const begins = "              allowed_headers:\n"
	_, rest, found := strings.Cut(read(t, "../../envoy/envoy.yaml"), begins)
	if !found {
		t.Fatal("the shipped file lists no headers that are sent")
	}
	block := begins
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "                ") {
			break
		}
		block += line
	}
	return block
}

// startTellingEnvoy runs the shipped file without its list: every header is sent.
func startTellingEnvoy(t *testing.T, gate, application string) *envoyProxy {
	t.Helper()
	return derivedEnvoy(t, gate, application, allowedHeaders(t), "")
}

// startListedEnvoy runs testdata/bare.yaml with the shipped file's list, and
// nothing else of it but the size that its expressions need.
func startListedEnvoy(t *testing.T, gate, application string) *envoyProxy {
	t.Helper()
	file, err := os.ReadFile("testdata/bare.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const before = "              transport_api_version: V3\n"
	text := string(file)
	if strings.Count(text, before) != 1 {
		t.Fatalf("bare.yaml does not hold %q once", before)
	}
	text = strings.Replace(text, before, before+allowedHeaders(t), 1) +
		"layered_runtime: { layers: [ { name: static, static_layer: { re2.max_program_size.error_level: 1000 } } ] }\n"
	return startBareFile(t, []byte(text), gate, application)
}

// trailersFilter is the part of the shipped file that removes trailers.
func trailersFilter(t *testing.T) string {
	t.Helper()
	return between(t, "          - name: envoy.filters.http.header_mutation\n", corsFilter)
}

// startUnguardedEnvoy runs the shipped file without what strips and drops
// headers before ext_authz, and with further edits: what clients send reaches
// the gate as far as it is listed, and the application unless the gate removes it.
func startUnguardedEnvoy(t *testing.T, gate, application string, edits ...string) *envoyProxy {
	t.Helper()
	return derivedEnvoy(t, gate, application, append([]string{
		"DROP_HEADER", "ALLOW",
		between(t, "              - remove_on_match:", "              - remove:"), "",
		trailersFilter(t), "",
	}, edits...)...)
}
