package tokencache

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/jwtgate/jwtgate/internal/token"
)

// Cache is a verifier that remembers verified tokens, so that the signature of a token is
// verified only once. With each token it can keep values of type V that were made from the
// token. It is safe for concurrent use. Make one with [New].
type Cache[V any] struct {
	verifier *token.Verifier
	entries  *otter.Cache[digest, *entry[V]] // nil: it remembers nothing
	mu       sync.Mutex
	underWay map[digest]chan struct{} // closed after the token is verified; guarded by mu
}

type digest [sha256.Size]byte

// entry is a remembered token with the value that was kept last. It never changes:
// [Cache.Keep] replaces it. Most tokens have one value, so it is not in a list: a smaller
// number of objects is less work for the garbage collector.
type entry[V any] struct {
	record token.Record
	key    uint64
	value  V
	kept   int       // number of values of the token; if it is 0, key and value are empty
	bytes  int       // of these values
	older  *entry[V] // has the values that were kept before; nil if there are none
}

// New returns a cache of the tokens of a verifier. It takes at most about that many bytes,
// with the values that are kept; if bytes is 0, it remembers nothing. A full cache first
// drops tokens that are rarely used, so that many tokens that are used once do not replace
// those that are used often.
func New[V any](v *token.Verifier, bytes int) (*Cache[V], error) {
	c := &Cache[V]{verifier: v, underWay: make(map[digest]chan struct{})}
	if bytes <= 0 {
		return c, nil
	}
	var err error
	c.entries, err = otter.New(&otter.Options[digest, *entry[V]]{MaximumWeight: uint64(bytes), Weigher: weigh[V]})
	return c, err
}

// entryBytes is an upper bound of the memory that an entry takes in addition to its record
// and its values: the key, the entry itself, and its share of the tables of the cache. From
// 170 to 190 bytes are measured (TestCacheTakesWhatItSays).
const entryBytes = 208

// weigh returns the memory that an entry takes. Go's allocator rounds a record up by an
// eighth at most, and on average by half of that.
func weigh[V any](_ digest, e *entry[V]) uint32 {
	return uint32(entryBytes + len(e.record) + len(e.record)/16 + e.bytes)
}

// Entry is the place of a remembered token. The zero value is that of a token that is not
// remembered.
type Entry[V any] struct {
	key digest
	at  *entry[V]
}

// Remembered reports whether the token is remembered.
func (e Entry[V]) Remembered() bool { return e.at != nil }

// Kept returns the value that [Cache.Keep] kept under a key before the cache returned this
// entry.
func (e Entry[V]) Kept(key uint64) (value V, found bool) {
	for at := e.at; at != nil && at.kept > 0; at = at.older {
		if at.key == key {
			return at.value, true
		}
	}
	return value, false
}

// Verify verifies a credential as [token.Verifier.Verify] does, or recalls it; then known
// is true. It stores the token in t and reuses the memory of t. After an error t is empty.
func (c *Cache[V]) Verify(ctx context.Context, raw string, now time.Time, t *token.Token) (at Entry[V], known bool, err error) {
	if c.entries == nil || len(raw) > c.verifier.MaxBytes() {
		verified, err := c.verifier.Verify(ctx, raw, now)
		return Entry[V]{}, false, store(verified, err, t)
	}
	key := digestOf(raw)
	if at, known = c.recall(key, raw, now, t); known {
		return at, true, nil
	}
	return c.verify(ctx, key, raw, now, t)
}

// digestOf hashes a token.
func digestOf(raw string) digest {
	var space [4 << 10]byte // a token of this length is hashed without an allocation
	return sha256.Sum256(append(space[:0], raw...))
}

// store copies a verified token to t. After an error, which it returns, it empties t.
func store(verified *token.Token, err error, t *token.Token) error {
	if err != nil {
		*t = token.Token{}
		return err
	}
	*t = *verified
	return nil
}

// recall stores a token in t if it is remembered and still valid.
func (c *Cache[V]) recall(key digest, raw string, now time.Time, t *token.Token) (Entry[V], bool) {
	found, ok := c.entries.GetIfPresent(key)
	if !ok || !c.verifier.Recall(found.record, raw, now, t) {
		return Entry[V]{}, false
	}
	return Entry[V]{key, found}, true
}

// verify verifies a token that is not known. Each request gets the token's key itself,
// since it may have to wait for it until its own deadline. Of several requests that have
// the key, one verifies the token, which takes only CPU time. The others wait for it and
// recall the token.
func (c *Cache[V]) verify(
	ctx context.Context, key digest, raw string, now time.Time, t *token.Token,
) (at Entry[V], known bool, err error) {
	candidate, err := c.verifier.Begin(ctx, raw)
	if err != nil {
		return Entry[V]{}, false, store(nil, err, t)
	}
	c.mu.Lock()
	done, waits := c.underWay[key]
	if !waits {
		// Another request may have verified the token since it was looked up.
		if at, known = c.recall(key, raw, now, t); known {
			c.mu.Unlock()
			return at, true, nil
		}
		done = make(chan struct{})
		c.underWay[key] = done
	}
	c.mu.Unlock()
	if waits {
		<-done
		if at, known = c.recall(key, raw, now, t); known {
			return at, true, nil
		}
		verified, err := c.verifier.Finish(candidate, now)
		return Entry[V]{}, false, store(verified, err, t)
	}
	defer func() {
		c.mu.Lock()
		delete(c.underWay, key)
		c.mu.Unlock()
		close(done)
	}()
	verified, err := c.verifier.Finish(candidate, now)
	if err == nil && now.Before(verified.Expiry) {
		at = c.remember(key, c.verifier.Record(verified))
	}
	return at, false, store(verified, err, t)
}

// maxRecord is the maximum length of a record in bytes. A record can be many times as long
// as its token: thousands of empty groups with a prefix.
const maxRecord = 16 << 10

func (c *Cache[V]) remember(key digest, record token.Record) Entry[V] {
	if len(record) > maxRecord {
		return Entry[V]{}
	}
	e := &entry[V]{record: record}
	c.entries.Set(key, e)
	return Entry[V]{key, e}
}

// Limits of the values of one token, so that a few routes with large values cannot fill
// the cache.
const (
	maxKept      = 4
	maxKeptBytes = 16 << 10
)

// Keep keeps a value that was made from a remembered token under a key, as long as the
// token is remembered. bytes is the memory that the value takes. If the token then has too
// many values, its other values are dropped. Of two concurrent calls for one token, one
// value may be lost.
func (c *Cache[V]) Keep(at Entry[V], key uint64, value V, bytes int) {
	if at.at == nil || bytes > maxKeptBytes {
		return
	}
	if _, found := at.Kept(key); found {
		return
	}
	old := at.at
	e := &entry[V]{record: old.record, key: key, value: value, kept: 1, bytes: bytes}
	if old.kept > 0 && old.kept < maxKept && old.bytes+bytes <= maxKeptBytes {
		e.kept, e.bytes, e.older = old.kept+1, old.bytes+bytes, old
	}
	c.entries.Set(at.key, e)
}

// Len returns the approximate number of remembered tokens.
func (c *Cache[V]) Len() int {
	if c.entries == nil {
		return 0
	}
	return c.entries.EstimatedSize()
}
