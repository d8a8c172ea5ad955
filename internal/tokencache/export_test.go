package tokencache

import (
	"encoding/binary"

	"github.com/jwtgate/jwtgate/internal/token"
)

// EntryBytes is the stated overhead of an entry.
const EntryBytes = entryBytes

// Settle does the pending evictions of the cache, and returns the bytes in use and the
// limit.
//
// The cache evicts in its own goroutine. With GOMAXPROCS=1 that goroutine does not run
// until the caller blocks, so the cache may exceed its limit for a while.
func (c *Cache[V]) Settle() (used, limit uint64) {
	c.entries.CleanUp()
	return c.entries.WeightedSize(), c.entries.GetMaximum()
}

// RememberAs remembers a record, with a value, under the n-th of many keys.
func (c *Cache[V]) RememberAs(n int, record token.Record, kept V, bytes int) {
	var key digest
	binary.LittleEndian.PutUint64(key[:], uint64(n))
	c.Keep(c.remember(key, record), 1, kept, bytes)
}
