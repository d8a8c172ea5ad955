package extauthz

import "errors"

var (
	errNoHTTP     = errors.New("the CheckRequest holds no HTTP request")
	errNoMethod   = errors.New("the CheckRequest's HTTP request has no method")
	errHeaderName = errors.New("the CheckRequest holds a header name that is no field name")
)

// The bytes of a token (RFC 9110 section 5.6.2), a bit for each: those below 64,
// and those from 64 on.
const (
	tokenLow  = 0x3ff6cfa00000000
	tokenHigh = 0x57ffffffc7fffffe
)

// fieldName reports whether name is a token of RFC 9110 section 5.6.2. Envoy
// lets no other through, and a name that is removed from a request must be one.
func fieldName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c >= 128 || c < 64 && tokenLow>>c&1 == 0 || c >= 64 && tokenHigh>>(c-64)&1 == 0 {
			return false
		}
	}
	return name != ""
}
