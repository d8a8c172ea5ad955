package audit

import (
	"slices"
	"sync"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// Memory remembers the last records, up to a number, so that a decision can be
// looked up by its id while it is fresh. It is safe for concurrent use. Make one
// with [NewMemory].
type Memory struct {
	size int

	mu      sync.Mutex
	numbers []uint64 // of the decisions' ids
	packed  [][]byte // their records
	next    int      // where the next record goes
	scratch []byte   // in which it is packed, so that it is known how long it is
}

// NewMemory returns a memory of the last size records.
func NewMemory(size int) *Memory { return &Memory{size: size} }

// add remembers the record of a decision in the place of the oldest, into whose
// memory it is copied.
func (m *Memory) add(id gate.ID, r *Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.packed) < m.size {
		m.numbers, m.packed = append(m.numbers, 0), append(m.packed, nil)
	}
	m.scratch = r.pack(m.scratch[:0])
	place := m.packed[m.next][:0]
	if cap(place) > 2*len(m.scratch)+spareBytes {
		place = nil // a flood of long records is not paid for ever after
	}
	m.numbers[m.next], m.packed[m.next] = id.Number, append(place, m.scratch...)
	m.next = (m.next + 1) % m.size
}

// spareBytes is by how much the memory of a record may exceed twice its size.
const spareBytes = 256

// Find returns the record of a decision, if it is still remembered.
func (m *Memory) Find(decision string) (Record, bool) {
	id, valid := gate.ParseID(decision)
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.numbers, id.Number)
	if !valid || i < 0 {
		return Record{}, false
	}
	found := unpack(m.packed[i])
	return found, found.Decision == decision
}
