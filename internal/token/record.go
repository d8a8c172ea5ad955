package token

import (
	"encoding/binary"
	"slices"
	"time"
)

// A record is a verified token as it is remembered: one text without a pointer in
// it, so that ten thousand of them cost the garbage collector no more than a
// moment. It never changes. What is read from it shares its bytes. The claims are
// not in it: whoever asks for them has the token at hand.
//
//	when it is accepted from and to, when the login was, iat   seconds and nanoseconds each
//	the epoch of the issuer's keys                             8 bytes
//	issuer, iss among the issuer's, algorithm among its own    numbers
//	the texts of a token                                       each behind its length
//	groups, scopes                                             each behind how many there are
//	what is kept with the token                                to the end: key, length, bytes
type record string

// texts are those of a token that a record holds one by one.
func (t *Token) texts() [7]*string {
	return [...]*string{&t.Subject, &t.Client, (*string)(&t.Kind), &t.KeyID, &t.ACR, &t.id, &t.originID}
}

func (t *Token) times() [4]*time.Time {
	return [...]*time.Time{&t.begin, &t.Expiry, &t.authTime, &t.issuedAt}
}

// numbers say which of the verifier's issuers, and which of what is configured
// for it.
func (t *Token) numbers(v *Verifier) [3]int {
	return [...]int{
		slices.Index(v.issuers, t.by),
		slices.IndexFunc(t.by.forms, func(form issForm) bool { return form.iss == t.ISS }),
		slices.Index(t.by.algorithms, t.Algorithm),
	}
}

// record makes the record of a token, with nothing kept beside it.
func (v *Verifier) record(t *Token) record {
	data := make([]byte, 0, 512)
	for _, at := range t.times() {
		data = binary.LittleEndian.AppendUint64(data, uint64(at.Unix()))
		data = binary.LittleEndian.AppendUint32(data, uint32(at.Nanosecond()))
	}
	data = binary.LittleEndian.AppendUint64(data, t.epoch)
	for _, number := range t.numbers(v) {
		data = binary.AppendUvarint(data, uint64(number))
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
	return record(data)
}

func appendText(data []byte, text string) []byte {
	return append(binary.AppendUvarint(data, uint64(len(text))), text...)
}

// reader reads a record, which only this package writes.
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

// read makes t the token of a record, in the memory of its lists.
func (v *Verifier) read(rec record, t *Token) {
	r := reader(rec)
	*t = Token{groups: t.groups, scopes: t.scopes}
	for _, at := range t.times() {
		*at = r.time()
	}
	t.epoch = r.word()
	t.by = v.issuers[r.number()]
	t.Issuer, t.ISS = t.by.name, t.by.forms[r.number()].iss
	t.Algorithm = t.by.algorithms[r.number()]
	for _, text := range t.texts() {
		*text = r.text()
	}
	t.groups, t.scopes = r.list(t.groups), r.list(t.scopes)
	t.entry.kept = string(r)
}
