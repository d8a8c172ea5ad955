package audit

// Bytes is how much memory the lines take.
func (m *Memory) Bytes() (sum int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.lines {
		sum += cap(one)
	}
	return sum
}
