package token

import "time"

// Claims returns the claims as they were signed, in the form of the strict JSON
// reader (nil, bool, string, json.Number, []any, map[string]any), no prefix put
// before any of them. Neither the map nor what it holds may be changed or kept.
func (t *Token) Claims() map[string]any {
	if t.claims == nil && t.raw != "" {
		// It is byte for byte the token that was verified, so that neither can fail.
		if parts, err := split(t.raw, len(t.raw)); err == nil {
			t.claims, _ = parseObject(string(parts.claims))
		}
	}
	return t.claims
}

// IssuedAt returns iat (RFC 7519 section 4.1.6). It is not known when the token
// does not say.
func (t *Token) IssuedAt() (at time.Time, known bool) { return t.issuedAt, !t.issuedAt.IsZero() }

// End returns when the token stops being accepted: its expiry and the issuer's
// leeway behind it.
func (t *Token) End() time.Time { return t.Expiry.Add(t.by.leeway) }

// Forget empties a token whose request is over, and keeps the memory of its lists
// for another.
func (t *Token) Forget() {
	clear(t.groups)
	clear(t.scopes)
	*t = Token{groups: t.groups[:0], scopes: t.scopes[:0]}
}
