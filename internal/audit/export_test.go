package audit

// Repacked is a record that was packed and unpacked.
func Repacked(r Record) Record { return unpack(r.pack(nil)) }

// Bytes is how much memory the records take.
func (m *Memory) Bytes() (sum int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.packed {
		sum += cap(one)
	}
	return sum
}
