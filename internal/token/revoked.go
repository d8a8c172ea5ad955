package token

import (
	"math"
	"strings"

	"github.com/jwtgate/jwtgate/internal/denial"
)

// Revocations is a list of tokens that are refused although all else about them
// is good. It never changes, and is safe for concurrent use; nil is the empty
// list. It names issuers' subjects, clients and token ids, never a token: what
// it holds lets nobody in.
type Revocations struct {
	byIssuer map[string]*revokedOf // :: the issuer's name in the config -> what of it is revoked
	entries  int
}

// revokedOf is what is revoked of one issuer, by the place of its kind in
// [revocables]: the value -> up to which iat, in microseconds since 1970.
//
// The value is the whole key, so that nothing is revoked for a hash that it
// shares. A value of 36 bytes, such as a UUID, takes 83 bytes of memory where there
// are 100,000, and 104 where there are a million: as measured by
// BenchmarkParseRevocations. A map grows by doubling, so that it is more or less.
type revokedOf [4]map[string]int64

// always stands for every token, whenever it was issued.
const always = math.MaxInt64

// revocables are what a token can be revoked by, in the order in which they are
// looked for.
func revocables() [4]string { return [...]string{"sub", "client", "jti", "origin_jti"} }

// Len is how many values are revoked; two lines for one value count once.
func (r *Revocations) Len() int {
	if r == nil {
		return 0
	}
	return r.entries
}

// Revoked reports whether a token is on the list, and by which of "sub",
// "client", "jti" and "origin_jti". The client is the token's as the gate sees
// it ([Token].Client), sub stands without the issuer's prefix, and jti and
// origin_jti count when they are strings. It allocates nothing.
//
// That a token is not on the list proves nothing else about it.
func (r *Revocations) Revoked(t *Token) (how string, revoked bool) {
	if r == nil {
		return "", false
	}
	of := r.byIssuer[t.Issuer]
	if of == nil {
		return "", false
	}
	for kind, name := range revocables() {
		if len(of[kind]) == 0 {
			continue
		}
		if before, listed := of[kind][t.revocable(kind)]; listed && t.issuedBefore(before) {
			return name, true
		}
	}
	return "", false
}

// revocable is the token's value of a kind of [revocables]; empty, which no list
// has, when there is none.
func (t *Token) revocable(kind int) string {
	return [...]string{strings.TrimPrefix(t.Subject, t.by.prefix), t.Client, t.id, t.originID}[kind]
}

// issuedBefore reports whether iat lies before that many microseconds since
// 1970. A token that does not say when it was issued was issued before all.
func (t *Token) issuedBefore(microseconds int64) bool {
	if microseconds == always {
		return true
	}
	iat, known := t.IssuedAt()
	return !known || iat.UnixMicro() < microseconds
}

// add revokes one value, which stays revoked as far as it was.
func (r *Revocations) add(issuer string, kind int, value string, before int64) {
	of := r.byIssuer[issuer]
	if of[kind] == nil {
		of[kind] = make(map[string]int64)
	}
	if earlier, listed := of[kind][value]; !listed {
		r.entries++
	} else {
		before = max(before, earlier)
	}
	of[kind][value] = before
}

// SetRevocations puts a list in force for every token that is held to it from
// now on, also those that are being verified; nil revokes nothing. It is safe
// for concurrent use.
func (v *Verifier) SetRevocations(list *Revocations) { v.revocations.Store(list) }

// Revoked is how many values the list in force revokes.
func (v *Verifier) Revoked() int { return v.revocations.Load().Len() }

func (v *Verifier) revocation(t *Token) *denial.Error {
	how, revoked := v.revocations.Load().Revoked(t)
	if !revoked {
		return nil
	}
	failure := fail(ErrTokenRevoked, "by its "+how)
	failure.Issuer, failure.Subject, failure.KeyID = t.Issuer, t.Subject, cut(t.KeyID)
	switch how {
	case "jti":
		failure.Hint = "get a new token; this one alone is revoked"
	case "origin_jti":
		failure.Hint = "sign in again; all tokens of that sign-in are revoked"
	default:
		failure.Hint = "if it should not be revoked, take its line, \"" + how + "\" of issuer " + quoted(t.Issuer) +
			", off the list; where that line has issued_before, a new token will do"
	}
	return failure
}
