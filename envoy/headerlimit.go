package envoy

import (
	"fmt"
	"regexp"
)

// Envoy compares a request with its limit while the request has both its token and
// the identity headers: it removes headers only after it has set others.
const (
	// shippedHeaderKB is that limit in the shipped file, in KiB, and mostHeaderKB the
	// largest one with which a CheckRequest fits into what jwtgate accepts
	// (check-request-too-large).
	shippedHeaderKB, mostHeaderKB = 60, 120
	// otherHeaderBytes is what all other headers of a request need: many servers accept
	// no more than 8 KiB in all.
	otherHeaderBytes = 8 << 10
)

// HeaderKB returns the max_request_headers_kb that these needs ask for, in KiB: 60,
// which is what the shipped file has, or more. With a value above 120 no setting of
// Envoy fits them.
func (n Needs) HeaderKB() int {
	return max(shippedHeaderKB, (n.HeaderBytes+otherHeaderBytes+1023)/1024)
}

// HeadersFit reports whether some setting of Envoy fits HeaderKB.
func (n Needs) HeadersFit() bool { return n.HeaderKB() <= mostHeaderKB }

// headerLimit is the change of the limit for request headers.
func (e Edit) headerLimit() ([]change, error) {
	if e.HeaderKB == 0 {
		return nil, nil
	}
	if e.HeaderKB < shippedHeaderKB || e.HeaderKB > mostHeaderKB {
		return nil, fmt.Errorf("max_request_headers_kb: got %d; expected %d to %d", e.HeaderKB, shippedHeaderKB, mostHeaderKB)
	}
	return []change{{
		mark: "request_headers", times: 1, find: regexp.MustCompile(`max_request_headers_kb: 60\b`),
		with: always(fmt.Sprintf("max_request_headers_kb: %d", e.HeaderKB)),
	}}, nil
}
