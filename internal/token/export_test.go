package token

import (
	"encoding/binary"
)

// Settle does the evictions that the cache has put off, and returns how much the
// cache holds and may hold: in bytes if it is limited by weight, else in tokens.
//
// The cache evicts in a goroutine of its own. On one processor that goroutine does
// not run before the caller blocks, so the cache may hold more for a while.
func (m *Memory) Settle() (used, limit uint64) {
	m.entries.CleanUp()
	if m.entries.IsWeighted() {
		return m.entries.WeightedSize(), m.entries.GetMaximum()
	}
	return uint64(m.entries.EstimatedSize()), m.entries.GetMaximum()
}

// Revocation holds a token that was verified earlier to the list as it is now: a
// *[denial.Error] that wraps [ErrTokenRevoked], or nil.
func (v *Verifier) Revocation(t *Token) error {
	if failure := v.revocation(t); failure != nil {
		return failure
	}
	return nil
}

// RememberAs remembers a token that was verified, as if it were the n-th of many that
// say the same, with what is kept for it.
func (m *Memory) RememberAs(n int, t *Token, kept string) {
	var key digest
	binary.LittleEndian.PutUint64(key[:], uint64(n))
	m.remember(key, t)
	m.Keep(t.entry, 1, kept)
}

// Weight is the memory that the remembered tokens take, as it is bounded.
func (m *Memory) Weight() int {
	m.entries.CleanUp()
	return int(m.entries.WeightedSize())
}
