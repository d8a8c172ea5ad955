package token

import (
	"context"
	"crypto/sha256"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
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
	entries  *otter.Cache[digest, *remembered] // nil: nothing is remembered
	// flights let a token that comes in many requests at once be verified once.
	flights singleflight.Group
}

type digest [sha256.Size]byte

// digestOf hashes a token where it stands: a copy of it would be the only memory
// that knowing it again costs.
func digestOf(raw string) digest {
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(raw), len(raw)))
}

// remembered is a verified token, and the list of what is revoked that it has
// been held to.
type remembered struct {
	token   *Token
	checked atomic.Pointer[Revocations]
}

// NewMemory returns a memory of about entries tokens at most in front of v; 0: none is
// remembered. When it is full, those that come seldom go first, so that tokens
// that are seen once drive out none that are seen often.
func NewMemory(v *Verifier, entries int) (*Memory, error) {
	m := &Memory{verifier: v}
	if entries <= 0 {
		return m, nil
	}
	var err error
	m.entries, err = otter.New(&otter.Options[digest, *remembered]{MaximumSize: entries})
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
	if entry, there := m.entries.GetIfPresent(key); there && entry.holds(m.verifier, now) {
		entry.token.keys.Verified(entry.token.KeyID)
		return entry.token, true, nil
	}
	t, err = m.first(ctx, key, raw, now)
	return t, false, err
}

// first verifies a token that is not known. Several requests with one token wait
// for the first of them, and share what it found if that is good; if it is not,
// each finds out for itself, since one may have had less time than another.
func (m *Memory) first(ctx context.Context, key digest, raw string, now time.Time) (*Token, error) {
	leads := false
	found, err, _ := m.flights.Do(string(key[:]), func() (any, error) {
		leads = true
		t, err := m.verifier.Verify(ctx, raw, now)
		if err == nil && now.Before(t.Expiry) {
			m.remember(key, t)
		}
		return t, err
	})
	if err != nil && !leads {
		return m.verifier.Verify(ctx, raw, now)
	}
	if err != nil {
		return nil, err
	}
	return found.(*Token), nil
}

func (m *Memory) remember(key digest, t *Token) {
	entry := &remembered{token: t}
	m.entries.Set(key, entry)
}

// Len returns about how many tokens are remembered.
func (m *Memory) Len() int {
	if m.entries == nil {
		return 0
	}
	return m.entries.EstimatedSize()
}

// holds reports whether verifying the token anew would find it good.
func (r *remembered) holds(v *Verifier, now time.Time) bool {
	t := r.token
	if !now.Before(t.Expiry) || now.Before(t.begin) || t.keys.Epoch() != t.epoch {
		return false
	}
	list := v.revocations.Load()
	if list == r.checked.Load() {
		return true
	}
	if _, revoked := list.Revoked(t); revoked {
		return false
	}
	t.Settle()
	r.checked.Store(list)
	return true
}
