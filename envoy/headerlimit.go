package envoy

import (
	"fmt"
	"regexp"
)

// Envoy's limit applies to the token and the identity headers together, since it removes
// headers only after it has set others.
const (
	// shippedHeaderKB is the limit in the shipped file, in KiB, and maxHeaderKB the largest
	// one with which jwtgate accepts every CheckRequest (check-request-too-large).
	shippedHeaderKB, maxHeaderKB = 60, 120
	// otherHeaderBytes is the size of all other headers of a request: many servers accept
	// at most 8 KiB.
	otherHeaderBytes = 8 << 10
)

// HeaderKB returns the max_request_headers_kb that these needs require, in KiB: 60, as
// in the shipped file, or more. No setting of Envoy satisfies a value above 120.
func (n Needs) HeaderKB() int {
	return max(shippedHeaderKB, (n.HeaderBytes+otherHeaderBytes+1023)/1024)
}

// HeadersFit reports whether some setting of Envoy satisfies HeaderKB.
func (n Needs) HeadersFit() bool { return n.HeaderKB() <= maxHeaderKB }

// headerLimit returns the change of the limit for request headers.
func (e Edit) headerLimit() ([]change, error) {
	if e.HeaderKB == 0 {
		return nil, nil
	}
	if e.HeaderKB < shippedHeaderKB || e.HeaderKB > maxHeaderKB {
		return nil, fmt.Errorf("max_request_headers_kb: got %d; expected %d to %d", e.HeaderKB, shippedHeaderKB, maxHeaderKB)
	}
	return []change{{
		mark: "request_headers", times: 1, find: regexp.MustCompile(`max_request_headers_kb: 60\b`),
		with: always(fmt.Sprintf("max_request_headers_kb: %d", e.HeaderKB)),
	}}, nil
}
