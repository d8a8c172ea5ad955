package token

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
	"unsafe"

	"github.com/maypok86/otter/v2"
)

// Memory is a verifier that remembers the tokens which it has verified, so that
// one which comes again costs no signature. It holds no token and no part of
// one that could be sent: an entry stands under a token's SHA-256.
//
// What is remembered holds as long as verifying the token anew would say the
// same: from its nbf and iat to its exp (within the leeway behind that it is
// verified afresh), as long as its issuer's keys are the same, and unless it was
// revoked meanwhile. A token that was refused is never remembered.
//
// It is safe for concurrent use. Make one with [NewMemory].
type Memory struct {
	verifier *Verifier
	entries  *otter.Cache[digest, record] // nil: nothing is remembered
	// underWay lets a token that comes in many requests at once be verified once:
	// what it holds is closed when the first of them is done.
	mu       sync.Mutex
	underWay map[digest]chan struct{}
}

type digest [sha256.Size]byte

// digestOf hashes a token where it stands: a copy of it would be the only memory
// that knowing it again costs.
func digestOf(raw string) digest {
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(raw), len(raw)))
}

// NewMemory returns a memory in front of v that takes about so many bytes at most, all
// that is kept for a token included; 0: none is remembered. When it is full, tokens
// that come seldom go first, so that those that are seen once drive out none that are
// seen often.
func NewMemory(v *Verifier, bytes int) (*Memory, error) {
	m := &Memory{verifier: v, underWay: make(map[digest]chan struct{})}
	if bytes <= 0 {
		return m, nil
	}
	var err error
	m.entries, err = otter.New(&otter.Options[digest, record]{MaximumWeight: uint64(bytes), Weigher: weigh})
	return m, err
}

// entryBytes is what one entry takes beside its record: its key, and its share of the
// cache's tables (measured by TestMemoryTakesWhatItSays).
const entryBytes = 192

// weigh is the memory that a token takes. Go's allocator rounds a record up, by an
// eighth at most.
func weigh(_ digest, r record) uint32 { return uint32(entryBytes + len(r) + len(r)/16) }

// Verify verifies one credential as [Verifier.Verify] does, or knows it again;
// then known is true. What it says is put into t, whose memory is used: a token
// that is known costs none. On an error t holds nothing.
func (m *Memory) Verify(ctx context.Context, raw string, now time.Time, t *Token) (known bool, err error) {
	if m.entries == nil || len(raw) > m.verifier.maxBytes {
		verified, err := m.verifier.Verify(ctx, raw, now)
		return false, put(verified, err, t)
	}
	key := digestOf(raw)
	if m.known(key, raw, now, t) {
		return true, nil
	}
	return m.first(ctx, key, raw, now, t)
}

// put makes t what was verified; nothing on an error.
func put(verified *Token, err error, t *Token) error {
	if err != nil {
		*t = Token{}
		return err
	}
	*t = *verified
	return nil
}

// known reads a token that is remembered and still holds.
func (m *Memory) known(key digest, raw string, now time.Time, t *Token) bool {
	rec, there := m.entries.GetIfPresent(key)
	if !there {
		return false
	}
	m.verifier.read(rec, t)
	if !t.holds(m.verifier, now) {
		return false
	}
	t.raw, t.entry.key, t.entry.record = raw, key, rec
	t.by.keys.Verified(t.KeyID)
	return true
}

// first verifies a token that is not known. Each request looks for the token's key
// itself, for which it may have to wait, as long as it has time; those that have
// it then wait for the first of them to verify, which takes no longer than that,
// and know the token then.
func (m *Memory) first(ctx context.Context, key digest, raw string, now time.Time, t *Token) (known bool, err error) {
	c, err := m.verifier.candidate(ctx, raw)
	if err != nil {
		return false, put(nil, err, t)
	}
	m.mu.Lock()
	done, waits := m.underWay[key]
	if !waits {
		// The first of them may have been done between two looks.
		if m.known(key, raw, now, t) {
			m.mu.Unlock()
			return true, nil
		}
		done = make(chan struct{})
		m.underWay[key] = done
	}
	m.mu.Unlock()
	if waits {
		<-done
		if m.known(key, raw, now, t) {
			return true, nil
		}
		verified, err := m.verifier.finish(c, now)
		return false, put(verified, err, t)
	}
	defer func() {
		m.mu.Lock()
		delete(m.underWay, key)
		m.mu.Unlock()
		close(done)
	}()
	verified, err := m.verifier.finish(c, now)
	if err == nil && now.Before(verified.Expiry) {
		m.remember(key, verified)
	}
	return false, put(verified, err, t)
}

// maxRecord bounds how long a record may be, in bytes: one that is many times the
// token that it is of, which has thousands of empty groups behind a prefix, is not
// remembered.
const maxRecord = 16 << 10

func (m *Memory) remember(key digest, t *Token) {
	rec := m.verifier.record(t)
	if len(rec) > maxRecord {
		return
	}
	t.entry = Entry{key: key, record: rec}
	m.entries.Set(key, rec)
}

// Len returns about how many tokens are remembered.
func (m *Memory) Len() int {
	if m.entries == nil {
		return 0
	}
	return m.entries.EstimatedSize()
}

// holds reports whether verifying the token anew would find it good.
func (t *Token) holds(v *Verifier, now time.Time) bool {
	if !now.Before(t.Expiry) || now.Before(t.begin) || t.by.keys.Epoch() != t.epoch {
		return false
	}
	_, revoked := v.revocations.Load().Revoked(t)
	return !revoked
}
