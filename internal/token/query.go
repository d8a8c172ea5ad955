package token

import (
	"net/url"
	"strings"
)

// parameter reads a query parameter (RFC 6750 section 2.3). Envoy removes a
// parameter by the bytes of its name, so one whose name is spelled otherwise
// (percent-encoded) could not be removed, and is ambiguous.
func (m *Message) parameter(name string) (Credential, error) {
	_, query, _ := strings.Cut(m.Target, "?")
	var values []string
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key == name {
			values = append(values, value)
			continue
		}
		if decoded, err := url.QueryUnescape(key); err == nil && decoded == name {
			return Credential{}, fail(ErrAmbiguous, "the token's query parameter is percent-encoded")
		}
	}
	return only(values, "two query parameters of that name")
}

// hasParameter reports whether the query has a parameter of that name.
func (m *Message) hasParameter(name string) bool {
	_, query, _ := strings.Cut(m.Target, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if key, _, _ := strings.Cut(pair, "="); key == name {
			return true
		}
	}
	return false
}
