package identity

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
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
	failure := &denial.Error{
		Kind: ErrTooLarge,
		Internal: fmt.Sprintf("got %d bytes in %d headers; expected at most %d (identity.max_total_bytes); the largest: %s",
			total, len(set), m.maxTotal, strings.Join(largest, ", ")),
		KeyID: t.KeyID, Issuer: t.Issuer, Subject: t.Subject,
	}
	failure.Advise(denial.FixShorterIdentity.With())
	if set[0].Name != config.HeaderUserID {
		failure.Advise(denial.FixDropHeader.With(set[0].Name))
	}
	if total <= config.MaxTotalBytes {
		failure.Advise(denial.FixMaxTotalBytes.With(strconv.Itoa(total)))
	}
	return failure
}

// valueTooLarge returns the error for a header's value of length bytes, more than
// max_value_bytes. Without x-user-id, the application would not know the user.
func (m *Mapper) valueTooLarge(name string, length int) error {
	found := fmt.Sprintf("got a value of %d bytes; expected at most %d (identity.max_value_bytes)", length, m.maxBytes)
	failure := denial.New(ErrTooLarge, found)
	failure.Advise(denial.FixShorterIdentity.With())
	if name != config.HeaderUserID {
		failure.Advise(denial.FixDropHeader.With(name))
	}
	if length <= config.MaxValueBytes {
		failure.Advise(denial.FixMaxValueBytes.With(strconv.Itoa(length)))
	}
	return failure
}
