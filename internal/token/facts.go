package token

import "time"

// Claims returns the claims as they were signed, in the form of the strict JSON
// reader (nil, bool, string, json.Number, []any, map[string]any), no prefix put
// before any of them. The map is shared: neither it nor what it holds may be
// changed.
func (t *Token) Claims() map[string]any {
	if claims := t.claims.Load(); claims != nil {
		return *claims
	}
	claims, err := parseObject(t.text)
	if err != nil {
		return nil // text was parsed before the token was made
	}
	t.claims.Store(&claims)
	return claims
}

// Settle gives up the memory of the claims, which are most of a token; they are
// read again when somebody asks for them. A token that is remembered for long
// should be settled once what is made of it has been derived.
func (t *Token) Settle() { t.claims.Store(nil) }

// IssuedAt returns iat (RFC 7519 section 4.1.6). It is not known when the token
// does not say.
func (t *Token) IssuedAt() (at time.Time, known bool) {
	at, failure := numericDate(t.Claims(), "iat")
	return at, failure == nil && !at.IsZero()
}
