package audit

import (
	"bytes"
	"slices"
	"sync"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// Memory remembers the last lines, up to a number, so that a decision can be looked
// up by its id while it is fresh. It is safe for concurrent use. Make one with
// [NewMemory].
type Memory struct {
	size int

	mu      sync.Mutex
	numbers []uint64 // of the decisions' ids
	lines   [][]byte
	next    int // where the next line goes
}

// NewMemory returns a memory of the last size lines.
func NewMemory(size int) *Memory { return &Memory{size: size} }

// add remembers the line of a decision in place of the oldest, whose memory it
// takes.
func (m *Memory) add(id gate.ID, line []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.lines) < m.size {
		m.numbers, m.lines = append(m.numbers, 0), append(m.lines, nil)
	}
	place := m.lines[m.next][:0]
	if cap(place) > 2*len(line)+spareBytes {
		place = nil // long lines of the past do not keep their memory
	}
	m.numbers[m.next], m.lines[m.next] = id.Number, append(place, line...)
	m.next = (m.next + 1) % m.size
}

// spareBytes is by how much the memory of a line may exceed twice its size.
const spareBytes = 256

// Find returns the line of a decision, which is one JSON object, if it is still
// remembered. It is the caller's own copy.
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
