package token

import "encoding/binary"

// Entry is a remembered token's place in a [Memory]: what may be kept there beside
// it. The zero value is that of a token which is not remembered. It never changes,
// and outlives its token.
type Entry struct {
	key    digest
	record record // empty: none
	kept   string // the end of the record: what is kept already
}

// Entry returns where the token is remembered.
func (t *Token) Entry() Entry { return t.entry }

// Remembered reports whether there is one.
func (e Entry) Remembered() bool { return e.record != "" }

// How much is kept with one token, so that a few routes of one with long answers
// cannot grow the memory.
const (
	maxKept      = 4
	maxKeptBytes = 8 << 10
)

// Kept returns what [Memory.Keep] has kept under a key.
func (e Entry) Kept(key uint64) (value string, there bool) {
	for r := reader(e.kept); r != ""; {
		found, value := r.word(), r.text()
		if found == key {
			return value, true
		}
	}
	return "", false
}

// Keep keeps something that was made of a remembered token with it, under a key,
// so that it need not be made again while the token is remembered. When there is
// too much already, all of that goes. Of two that are kept at once, one may be
// lost.
func (m *Memory) Keep(e Entry, key uint64, value string) {
	if !e.Remembered() || len(value) > maxKeptBytes {
		return
	}
	count := 0
	for r := reader(e.kept); r != ""; count++ {
		if r.word() == key {
			return
		}
		r.text()
	}
	own := e.record[:len(e.record)-len(e.kept)]
	kept := e.kept
	if count >= maxKept || len(kept)+len(value) > maxKeptBytes {
		kept = ""
	}
	data := make([]byte, 0, len(own)+len(kept)+len(value)+16)
	data = append(append(data, own...), kept...)
	data = appendText(binary.LittleEndian.AppendUint64(data, key), value)
	m.entries.Set(e.key, record(data))
}
