package token

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Header is one header field as Envoy sent it.
type Header struct {
	Name  string // Envoy sends lower case; no case is relied on
	Value string
}

// Credential is what a request carries in the places that a route reads. The
// zero value is no credential.
type Credential struct {
	// Raw is the token as it was sent; nothing of it has been looked at.
	Raw   string
	Found bool
}

// Extract takes the one credential out of a request, from the places in from.
// Two, or one that could be two, is [ErrAmbiguous] (RFC 6750 section 2 allows
// one method in a request).
func Extract(headers []Header, from []config.TokenSource) (Credential, error) {
	var credential Credential
	for _, source := range from {
		if source.Kind != config.SourceBearer {
			continue
		}
		found, err := bearer(headers)
		if err != nil {
			return Credential{}, err
		}
		if found.Found && credential.Found {
			return Credential{}, fail(ErrAmbiguous, "tokens in two places")
		}
		if found.Found {
			credential = found
		}
	}
	return credential, nil
}

// bearer reads the Authorization field (RFC 6750 section 2.1, RFC 9110 section
// 11.4). Envoy joins two fields with a comma, so a comma is as ambiguous as two
// fields, whatever the scheme.
func bearer(headers []Header) (Credential, error) {
	value, seen := "", false
	for _, h := range headers {
		if !strings.EqualFold(h.Name, "authorization") {
			continue
		}
		if seen || strings.Contains(h.Value, ",") {
			return Credential{}, fail(ErrAmbiguous, "two Authorization fields, or a comma in one")
		}
		value, seen = h.Value, true
	}
	const scheme = "bearer"
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return Credential{}, nil
	}
	rest := value[len(scheme):]
	if rest != "" && schemeByte(rest[0]) {
		return Credential{}, nil // another scheme, with a longer name
	}
	raw := strings.TrimLeft(rest, " ")
	if raw == "" || len(raw) == len(rest) {
		return Credential{}, fail(ErrMalformed, "Bearer without a token behind spaces")
	}
	return Credential{Raw: raw, Found: true}, nil
}

// schemeByte reports whether c may stand in the name of a scheme, a token of
// RFC 9110 section 5.6.2.
func schemeByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
