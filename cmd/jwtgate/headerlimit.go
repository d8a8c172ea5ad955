package main

import "fmt"

// Envoy compares a request with its limit while the request has both its token and
// the identity headers: it removes headers only after it has set others.
const (
	// envoyHeaderBytes is that limit in the shipped envoy.yaml, which leaves
	// max_request_headers_kb at its default, and mostHeaderBytes the largest one that
	// lint-envoy accepts (check-request-too-large).
	envoyHeaderBytes = 60 << 10
	mostHeaderBytes  = 120 << 10
	// otherHeaderBytes is what all other headers of a request need: many servers accept
	// no more than 8 KiB in all.
	otherHeaderBytes = 8 << 10
)

// headerLimitNote says what to change when a token and its identity headers, as large
// as a config allows them to be, do not leave enough of Envoy's limit for the other
// headers of a request. Empty: they do.
func headerLimitNote(both int) string {
	needed := both + otherHeaderBytes
	if needed <= envoyHeaderBytes {
		return ""
	}
	fix := "lower tokens.max_bytes or identity.max_total_bytes"
	if needed <= mostHeaderBytes {
		fix += fmt.Sprintf(", or write max_request_headers_kb: %d next to request_headers_timeout there", (needed+1023)/1024)
	}
	return fmt.Sprintf("envoy.yaml as it is shipped accepts %d bytes of request headers (max_request_headers_kb: 60). "+
		"A token (tokens.max_bytes) and its identity headers (identity.max_total_bytes) can take %d of them, "+
		"and a request that exceeds the limit gets status 500: %s",
		envoyHeaderBytes, both, fix)
}
