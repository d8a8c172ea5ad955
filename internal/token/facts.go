package token

import "time"

// Claims returns the claims as they were signed, in the form of the strict JSON
// reader (nil, bool, string, json.Number, []any, map[string]any), no prefix put
// before any of them. The map is shared: neither it nor what it holds may be
// changed.
func (t *Token) Claims() map[string]any { return t.claims }

// IssuedAt returns iat (RFC 7519 section 4.1.6). It is not known when the token
// does not say.
func (t *Token) IssuedAt() (at time.Time, known bool) {
	at, failure := numericDate(t.claims, "iat")
	return at, failure == nil && !at.IsZero()
}
