package revocation

import (
	"math"
	"time"
)

// List is a list of revoked tokens. It never changes after [Parse] and is safe for
// concurrent use. A nil list is empty.
type List struct {
	byIssuer map[string]*entries // :: name of the issuer in the configuration -> its entries
	length   int
}

// entries are the revoked values of one issuer, one map per key of [keys]: value -> the
// iat, in microseconds since 1970, from which on tokens are not revoked.
//
// The maps contain whole values, so that no token is revoked because of a hash collision.
// A value of 36 bytes, such as a UUID, takes 83 bytes of memory in a list of 100,000, and
// 104 in a list of a million, since maps grow by doubling (BenchmarkParse).
type entries [4]map[string]int64

// always is later than every iat.
const always = math.MaxInt64

// keys are the keys by which a line revokes tokens, in the order in which they are
// checked.
func keys() [4]string { return [...]string{"sub", "client", "jti", "origin_jti"} }

// Token has what a check reads of a verified token. A text is empty, and the time is zero,
// if the token does not have it.
type Token struct {
	Issuer       string // its name in the configuration
	Subject      string // without the issuer's prefix
	Client       string
	ID, OriginID string // jti and origin_jti
	IssuedAt     time.Time
}

// Len returns the number of revoked values. Several lines for one value count once.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.length
}

// Revoked reports whether the list has a token, and by which key: "sub", "client", "jti"
// or "origin_jti". ends means that a token with a later iat would not be revoked by it.
//
// A token that is not revoked can still be invalid for other reasons.
func (l *List) Revoked(t Token) (key string, ends, revoked bool) {
	if l == nil {
		return "", false, false
	}
	e := l.byIssuer[t.Issuer]
	if e == nil {
		return "", false, false
	}
	values := [...]string{t.Subject, t.Client, t.ID, t.OriginID} // no line has an empty value
	for n, key := range keys() {
		if before, listed := e[n][values[n]]; listed && t.issuedBefore(before) {
			return key, before != always, true
		}
	}
	return "", false, false
}

// issuedBefore reports whether iat is earlier than a time in microseconds since 1970. A
// token without an iat may have been issued at any time, so it is earlier.
func (t *Token) issuedBefore(microseconds int64) bool {
	return t.IssuedAt.IsZero() || t.IssuedAt.UnixMicro() < microseconds
}

// add adds a value. A value that is already in the list stays revoked up to the later of
// the two times.
func (l *List) add(issuer string, key int, value string, before int64) {
	e := l.byIssuer[issuer]
	if e[key] == nil {
		e[key] = make(map[string]int64)
	}
	if earlier, listed := e[key][value]; listed {
		before = max(before, earlier)
	} else {
		l.length++
	}
	e[key][value] = before
}
