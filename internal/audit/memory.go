package audit

import "sync"

// Memory remembers the last records, up to a number, so that a decision can be
// looked up by its id while it is fresh. It is safe for concurrent use. Make one
// with [NewMemory].
type Memory struct {
	mu      sync.Mutex
	records []Record
	next    int            // where the next record goes
	at      map[string]int // by the decision's id
}

// NewMemory returns a memory of the last size records.
func NewMemory(size int) *Memory {
	return &Memory{records: make([]Record, 0, size), at: make(map[string]int, size)}
}

// add remembers a record in the place of the oldest.
func (m *Memory) add(r Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.records) < cap(m.records) {
		m.records = append(m.records, r)
	} else {
		delete(m.at, m.records[m.next].Decision)
		m.records[m.next] = r
	}
	m.at[r.Decision] = m.next
	m.next = (m.next + 1) % cap(m.records)
}

// Find returns the record of a decision, if it is still remembered.
func (m *Memory) Find(decision string) (Record, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, known := m.at[decision]
	if !known {
		return Record{}, false
	}
	return m.records[i], true
}
