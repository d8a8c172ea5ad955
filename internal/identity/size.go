package identity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// mostNamed is the number of largest headers that an error names.
const mostNamed = 3

// size returns the size of a header. Envoy adds up names and values in the same way for
// its limit (max_request_headers_kb).
func size(h request.Header) int { return len(h.Name) + len(h.Value) }

// tooLarge returns the error for headers of total bytes, more than max_total_bytes. It
// names the largest headers and never contains a value.
func (m *Mapper) tooLarge(t *token.Token, set []request.Header, total int) error {
	slices.SortStableFunc(set, func(a, b request.Header) int { return cmp.Compare(size(b), size(a)) })
	var largest []string
	for _, h := range set[:min(len(set), mostNamed)] {
		largest = append(largest, fmt.Sprintf("%s (%d)", h.Name, size(h)))
	}
	return &denial.Error{
		Kind: ErrTooLarge,
		Internal: fmt.Sprintf("got %d bytes in %d headers; expected at most %d (identity.max_total_bytes); the largest: %s",
			total, len(set), m.maxTotal, strings.Join(largest, ", ")),
		Hint: "map fewer groups, remove a header from identity.headers, or raise identity.max_total_bytes and, " +
			"where requests can then exceed it, Envoy's max_request_headers_kb",
		KeyID: t.KeyID, Issuer: t.Issuer, Subject: t.Subject,
	}
}
