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
	entries  *otter.Cache[digest, *Token] // nil: nothing is remembered
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

// NewMemory returns a memory of about entries tokens at most in front of v; 0: none is
// remembered. When it is full, those that come seldom go first, so that tokens
// that are seen once drive out none that are seen often.
func NewMemory(v *Verifier, entries int) (*Memory, error) {
	m := &Memory{verifier: v, underWay: make(map[digest]chan struct{})}
	if entries <= 0 {
		return m, nil
	}
	var err error
	m.entries, err = otter.New(&otter.Options[digest, *Token]{MaximumSize: entries})
	return m, err
}

// Verify verifies one credential as [Verifier.Verify] does, or knows it again;
// then remembered is true.
func (m *Memory) Verify(ctx context.Context, raw string, now time.Time) (t *Token, known bool, err error) {
	if m.entries == nil || len(raw) > m.verifier.maxBytes {
		t, err = m.verifier.Verify(ctx, raw, now)
		return t, false, err
	}
	key := digestOf(raw)
	if t, there := m.known(key, now); there {
		return t, true, nil
	}
	t, err = m.first(ctx, key, raw, now)
	return t, false, err
}

// known returns a token that is remembered and still holds.
func (m *Memory) known(key digest, now time.Time) (*Token, bool) {
	t, there := m.entries.GetIfPresent(key)
	if !there || !t.holds(m.verifier, now) {
		return nil, false
	}
	t.keys.Verified(t.KeyID)
	return t, true
}

// first verifies a token that is not known. Each request looks for the token's key
// itself, for which it may have to wait, as long as it has time; those that have
// it then wait for the first of them to verify, which takes no longer than that,
// and find the token remembered.
func (m *Memory) first(ctx context.Context, key digest, raw string, now time.Time) (*Token, error) {
	c, err := m.verifier.candidate(ctx, raw)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	done, waits := m.underWay[key]
	if !waits {
		// The first of them may have been done between two looks.
		if t, there := m.known(key, now); there {
			m.mu.Unlock()
			return t, nil
		}
		done = make(chan struct{})
		m.underWay[key] = done
	}
	m.mu.Unlock()
	if waits {
		<-done
		if t, there := m.known(key, now); there {
			return t, nil
		}
		return m.verifier.finish(c, now)
	}
	defer func() {
		m.mu.Lock()
		delete(m.underWay, key)
		m.mu.Unlock()
		close(done)
	}()
	t, err := m.verifier.finish(c, now)
	if err == nil && now.Before(t.Expiry) {
		m.entries.Set(key, t)
	}
	return t, err
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
	if !now.Before(t.Expiry) || now.Before(t.begin) || t.keys.Epoch() != t.epoch {
		return false
	}
	list := v.revocations.Load()
	if list == t.checked.Load() {
		return true
	}
	if _, revoked := list.Revoked(t); revoked {
		return false
	}
	t.Settle()
	t.checked.Store(list)
	return true
}
