package token

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
)

// Record is a verified token in the form in which a cache keeps it: one string without
// pointers, so that the garbage collector has nothing to scan in it. It never changes, and
// only the [Verifier] that made it can read it. It does not contain the claims.
//
//	times of [Token.times]                                    seconds and nanoseconds
//	the epoch of the issuer's keys                            8 bytes
//	indexes of the issuer, its iss and its algorithm          varints
//	texts of [Token.texts]                                    each after its length
//	groups, scopes                                            each after their number
type Record string

// texts are the texts of a token that its record contains.
func (t *Token) texts() [8]*string {
	return [...]*string{&t.Tenant, &t.Subject, &t.Client, (*string)(&t.Kind), &t.KeyID, &t.ACR, &t.id, &t.originID}
}

func (t *Token) times() [4]*time.Time {
	return [...]*time.Time{&t.begin, &t.Expiry, &t.authTime, &t.issuedAt}
}

// indexes returns the index of the issuer in the verifier, and of iss and the algorithm in
// the issuer's configuration.
func (t *Token) indexes(v *Verifier) [3]int {
	return [...]int{
		slices.Index(v.issuers, t.by),
		t.by.form(t.ISS),
		slices.Index(t.by.algorithms, t.Algorithm),
	}
}

// Record returns the record of a token that this verifier verified.
func (v *Verifier) Record(t *Token) Record {
	data := make([]byte, 0, 512)
	for _, at := range t.times() {
		data = binary.LittleEndian.AppendUint64(data, uint64(at.Unix()))
		data = binary.LittleEndian.AppendUint32(data, uint32(at.Nanosecond()))
	}
	data = binary.LittleEndian.AppendUint64(data, t.epoch)
	for _, index := range t.indexes(v) {
		data = binary.AppendUvarint(data, uint64(index))
	}
	for _, text := range t.texts() {
		data = appendText(data, *text)
	}
	for _, list := range [...][]string{t.groups, t.scopes} {
		data = binary.AppendUvarint(data, uint64(len(list)))
		for _, item := range list {
			data = appendText(data, item)
		}
	}
	return Record(data)
}

func appendText(data []byte, text string) []byte {
	return append(binary.AppendUvarint(data, uint64(len(text))), text...)
}

// reader reads a record. It trusts the record, which only this package writes.
type reader string

func (r *reader) take(n int) string {
	text := (*r)[:n]
	*r = (*r)[n:]
	return string(text)
}

func (r *reader) number() int {
	n, size := binary.Uvarint([]byte(*r))
	*r = (*r)[size:]
	return int(n)
}

func (r *reader) text() string { return r.take(r.number()) }

func (r *reader) word() uint64 { return binary.LittleEndian.Uint64([]byte(r.take(8))) }

func (r *reader) time() time.Time {
	seconds := int64(r.word())
	return time.Unix(seconds, int64(binary.LittleEndian.Uint32([]byte(r.take(4)))))
}

func (r *reader) list(into []string) []string {
	into = into[:0]
	for range r.number() {
		into = append(into, r.text())
	}
	return into
}

// Recall sets t to the token of a record, and reports whether the token is still valid.
// raw is the token as it was sent; [Token.Claims] parses it on the first call. Recall
// reuses the memory of t's lists. It allocates nothing else, except for the token of an
// issuer that accepts any tenant.
func (v *Verifier) Recall(rec Record, raw string, now time.Time, t *Token) bool {
	v.read(rec, t)
	if !t.stillValid(v, now) {
		return false
	}
	t.raw = raw
	t.by.keys.Verified(t.KeyID, t.Algorithm)
	return true
}

// stillValid reports whether verifying the token again would succeed.
func (t *Token) stillValid(v *Verifier, now time.Time) bool {
	if !now.Before(t.Expiry) || now.Before(t.begin) || t.by.keys.Epoch() != t.epoch {
		return false
	}
	_, _, revoked := v.revoked(t)
	return !revoked
}

func (v *Verifier) read(rec Record, t *Token) {
	r := reader(rec)
	*t = Token{groups: t.groups, scopes: t.scopes}
	for _, at := range t.times() {
		*at = r.time()
	}
	t.epoch = r.word()
	t.by = v.issuers[r.number()]
	form := &t.by.forms[r.number()]
	t.Algorithm = t.by.algorithms[r.number()]
	for _, text := range t.texts() {
		*text = r.text()
	}
	t.Issuer, t.ISS, t.prefix = t.by.name, form.iss, form.prefix
	if t.by.anyTenant {
		t.ISS, t.prefix = config.FillTenant(form.iss, t.Tenant), config.FillTenant(form.prefix, t.Tenant)
	}
	t.groups, t.scopes = r.list(t.groups), r.list(t.scopes)
}
