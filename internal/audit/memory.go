package audit

import (
	"bytes"
	"slices"
	"sync"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// Memory keeps the most recent lines, so that a recent decision can be looked up by its
// ID. It is safe for concurrent use. Make one with [NewMemory].
type Memory struct {
	size int

	mu      sync.Mutex
	numbers []uint64 // of the decisions' IDs
	lines   [][]byte
	next    int // where the next line goes
}

// NewMemory returns a memory of the last size lines.
func NewMemory(size int) *Memory { return &Memory{size: size} }

// add keeps the line of a decision. If the memory is full, the line replaces the oldest one
// and reuses its bytes.
func (m *Memory) add(id gate.ID, line []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.lines) < m.size {
		m.numbers, m.lines = append(m.numbers, 0), append(m.lines, nil)
	}
	place := m.lines[m.next][:0]
	if cap(place) > 2*len(line)+spareBytes {
		place = nil // earlier long lines do not keep their memory
	}
	m.numbers[m.next], m.lines[m.next] = id.Number, append(place, line...)
	m.next = (m.next + 1) % m.size
}

// spareBytes is the number of bytes by which the memory of a line may exceed twice its
// size.
const spareBytes = 256

// Find returns the line of a decision, which is one JSON object, if it is still in memory.
// The caller owns the slice.
func (m *Memory) Find(decision string) (line []byte, found bool) {
	id, valid := gate.ParseID(decision)
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.numbers, id.Number)
	if !valid || i < 0 || !bytes.Contains(m.lines[i], []byte(`"decision":"`+decision+`"`)) {
		return nil, false
	}
	return slices.Clone(m.lines[i]), true
}
