package tokencache

import (
	"encoding/binary"

	"github.com/jwtgate/jwtgate/internal/token"
)

// Settle does the evictions that the cache has put off, and returns how many bytes the
// cache holds and may hold.
//
// The cache evicts in a goroutine of its own. On one processor that goroutine does not
// run before the caller blocks, so the cache may hold more for a while.
func (c *Cache[V]) Settle() (used, limit uint64) {
	c.entries.CleanUp()
	return c.entries.WeightedSize(), c.entries.GetMaximum()
}

// RememberAs remembers a token as if it were the n-th of many that say the same, with
// what is kept for it.
func (c *Cache[V]) RememberAs(n int, record token.Record, kept V, bytes int) {
	var key digest
	binary.LittleEndian.PutUint64(key[:], uint64(n))
	c.Keep(c.remember(key, record), 1, kept, bytes)
}
