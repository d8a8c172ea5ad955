//go:build !race

package e2e

import (
	"os"
	"strings"
	"testing"
)

// The list of headers to send to the gate must not change a decision: with the shipped list
// and without it, with an Envoy that protects the application and with one that does not,
// the results are the same.

// allowedHeaders is the part of the shipped file with the list of headers to send.
func allowedHeaders(t *testing.T) string {
	t.Helper()
	const begins = "              allowed_headers:\n"
	_, rest, found := strings.Cut(shippedWithOrigin(t), begins)
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

// startUnlistedEnvoy runs the shipped file without its list, so that Envoy sends every
// header.
func startUnlistedEnvoy(t *testing.T, gate, application string) *envoyProxy {
	t.Helper()
	return derivedEnvoy(t, gate, application, allowedHeaders(t), "")
}

// startListedEnvoy runs testdata/bare.yaml with the shipped file's list, and with the size
// limit that its expressions need.
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

// startUnguardedEnvoy runs the shipped file without the removal of headers before
// ext_authz, and with further edits: the gate gets clients' headers that are listed, and
// the application those that the gate does not remove.
func startUnguardedEnvoy(t *testing.T, gate, application string, edits ...string) *envoyProxy {
	t.Helper()
	return derivedEnvoy(t, gate, application, append([]string{
		"DROP_HEADER", "ALLOW",
		between(t, "              - remove_on_match:", "              - remove:"), "",
		trailersFilter(t), "",
	}, edits...)...)
}
