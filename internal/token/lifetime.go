package token

import "time"

// End returns when the token stops being accepted: its expiry and the issuer's
// leeway behind it.
func (t *Token) End() time.Time { return t.Expiry.Add(t.leeway) }

// Derived returns what [Token.Derive] has kept last, or nil.
func (t *Token) Derived() any { return t.derived.Load() }

// Derive keeps with the token what somebody has made of it, so that it need not
// be made again while the token is remembered. Every value must be of one type,
// and must not be changed after. It is safe for concurrent use; the last one
// stays.
func (t *Token) Derive(value any) { t.derived.Store(value) }
