package tokencache_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/revocation"
	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
	"github.com/jwtgate/jwtgate/internal/tokencache"
)

// verify calls Verify with a new token.
func verify(t testing.TB, c *tokencache.Cache[string], raw string, at time.Time) (*token.Token, bool, error) {
	t.Helper()
	var got token.Token
	_, known, err := c.Verify(t.Context(), raw, at, &got)
	if err != nil {
		if !reflect.DeepEqual(got, token.Token{}) {
			t.Errorf("got a token after an error: %+v", got)
		}
		return nil, known, err
	}
	return &got, known, nil
}

// says returns everything that a token says.
func says(t *token.Token) map[string]any {
	issued, known := t.IssuedAt()
	age, ageKnown := t.AuthAge(now.Add(time.Minute))
	return map[string]any{
		"issuer": t.Issuer, "iss": t.ISS, "subject": t.Subject, "client": t.Client, "kind": t.Kind, "kid": t.KeyID, "alg": t.Algorithm,
		"expiry": t.Expiry.UnixNano(), "end": t.End().UnixNano(), "acr": t.ACR,
		"groups": fmt.Sprint(len(t.Groups()), t.Groups()), "scopes": fmt.Sprint(len(t.Scopes()), t.Scopes()),
		"claims": t.Claims(), "issued": fmt.Sprint(issued.UnixNano(), known), "login": fmt.Sprint(age, ageKnown),
	}
}

func TestCacheKnowsATokenAgain(t *testing.T) {
	ring := &tokentest.Keyring{Keys: published()}
	cache, _ := newCache(t, ring, 10)
	raw := mint(nil)
	first, known, err := verify(t, cache, raw, now)
	if err != nil || known {
		t.Fatalf("the first time: known %v, %v", known, err)
	}
	for range 3 {
		again, known, err := verify(t, cache, raw, now)
		if err != nil || !known || !reflect.DeepEqual(says(again), says(first)) {
			t.Errorf("the next time: known %v, %v", known, err)
		}
	}
	if len(ring.Asked) != 1 || len(ring.Accepted) != 4 {
		t.Errorf("got %d calls of Key and %d of Verified, want 1 and 4", len(ring.Asked), len(ring.Accepted))
	}
}

// Each row changes one thing after a token is remembered. The result must be the same as
// that of a verifier that does not know the token.
func TestCacheHoldsNoLongerThanTheToken(t *testing.T) {
	const leeway = 30 * time.Second
	for _, row := range []struct {
		name    string
		claims  map[string]any
		at      time.Time // of the second verification
		between func(ring *tokentest.Keyring, v *token.Verifier)
		known   bool
		want    error
	}{
		{name: "nothing", at: now, known: true},
		{name: "a nanosecond before exp", at: now.Add(time.Hour - 1), known: true},
		{name: "at exp, verified again", at: now.Add(time.Hour)},
		{name: "within the leeway, verified again", at: now.Add(time.Hour + leeway - 1)},
		{name: "after the leeway", at: now.Add(time.Hour + leeway), want: token.ErrExpired},
		{name: "the clock went back to nbf less the leeway", claims: map[string]any{"nbf": now.Unix()}, at: now.Add(-leeway), known: true},
		{name: "the clock went back further", claims: map[string]any{"nbf": now.Unix()}, at: now.Add(-leeway - 1), want: token.ErrNotYetValid},
		{name: "the clock went back before iat", claims: map[string]any{"iat": now.Unix(), "nbf": nil}, at: now.Add(-leeway - 1),
			want: token.ErrIssuedInFuture},
		{name: "the key set changed, not the key", at: now, between: func(r *tokentest.Keyring, _ *token.Verifier) { r.Changes.Add(1) }},
		{name: "the key was removed", at: now, want: tokentest.ErrKeyUnknown, between: func(r *tokentest.Keyring, _ *token.Verifier) {
			r.Keys = nil
			r.Changes.Add(1)
		}},
		{name: "the keys became stale", at: now, want: tokentest.ErrKeysUnavailable, between: func(r *tokentest.Keyring, _ *token.Verifier) {
			r.Down = true
			r.Changes.Add(1)
		}},
		{name: "it was revoked", at: now, want: token.ErrTokenRevoked, between: revoke(`{"issuer": "api", "sub": "alice"}`)},
		{name: "it was revoked by its client", at: now, want: token.ErrTokenRevoked, between: revoke(`{"issuer": "api", "client": "web"}`)},
		{name: "it was revoked by its jti", at: now, want: token.ErrTokenRevoked, between: revoke(`{"issuer": "api", "jti": "j-1"}`)},
		{name: "it was revoked by its origin_jti", at: now, want: token.ErrTokenRevoked,
			between: revoke(`{"issuer": "api", "origin_jti": "o-1"}`)},
		{name: "it was revoked up to after its iat", at: now, want: token.ErrTokenRevoked,
			between: revoke(`{"issuer": "api", "sub": "alice", "issued_before": "2026-05-17T10:00:01Z"}`)},
		{name: "it was revoked up to its iat", at: now, known: true,
			between: revoke(`{"issuer": "api", "sub": "alice", "issued_before": "2026-05-17T10:00:00Z"}`)},
		{name: "another was revoked", at: now, known: true, between: revoke(`{"issuer": "api", "sub": "bob"}`)},
		{name: "an empty list", at: now, known: true, between: revoke("")},
	} {
		t.Run(row.name, func(t *testing.T) {
			ring := &tokentest.Keyring{Keys: published()}
			cache, verifier := newCache(t, ring, 10)
			claims := map[string]any{
				"exp": now.Add(time.Hour).Unix(), "sub": "alice", "client_id": "web", "jti": "j-1", "origin_jti": "o-1",
			}
			for name, value := range row.claims {
				claims[name] = value
			}
			raw := mint(claims)
			if _, _, err := verify(t, cache, raw, now); err != nil {
				t.Fatal(err)
			}
			if row.between != nil {
				row.between(ring, verifier)
			}
			got, known, err := verify(t, cache, raw, row.at)
			if row.want != nil {
				refusal(t, err, row.want)
				if known || got != nil {
					t.Error("a rejected token is known")
				}
				return
			}
			if err != nil || known != row.known {
				t.Errorf("known %v, want %v; %v", known, row.known, err)
			}
		})
	}
}

// revoke sets the list of revoked tokens.
func revoke(lines string) func(*tokentest.Keyring, *token.Verifier) {
	return func(_ *tokentest.Keyring, v *token.Verifier) {
		v.SetRevocations(must(revocation.Parse(strings.NewReader(lines), []string{"api"})))
	}
}

// A list that is set while a token is verified also applies to the entry of the token.
func TestCacheOfATokenVerifiedUnderAnotherList(t *testing.T) {
	ring := &tokentest.Keyring{Keys: published(), Hold: make(chan struct{})}
	cache, verifier := newCache(t, ring, 10)
	raw := mint(map[string]any{"sub": "alice"})
	done := make(chan error)
	go func() {
		_, _, err := verify(t, cache, raw, now)
		done <- err
	}()
	revoke(`{"issuer": "api", "sub": "alice"}`)(nil, verifier)
	close(ring.Hold)
	first := <-done // with the old list or the new one
	_, _, err := verify(t, cache, raw, now)
	if refusal(t, err, token.ErrTokenRevoked); first != nil {
		refusal(t, first, token.ErrTokenRevoked)
	}
}

// withdrawing is a key source that withdraws each key right after it returned it.
type withdrawing struct{ *tokentest.Keyring }

func (w withdrawing) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	key, err := w.Keyring.Key(ctx, kid, alg)
	w.Keys = nil
	w.Changes.Add(1)
	return key, err
}

// The verifier reads the epoch before it asks for the key. In the other order a token
// would be remembered with the epoch that withdrew its key.
func TestCacheOfAKeyWithdrawnMeanwhile(t *testing.T) {
	source := withdrawing{&tokentest.Keyring{Keys: published()}}
	verifier := newVerifier(t, apiIssuer(), source)
	cache := must(tokencache.New[string](verifier, 1<<20))
	raw := mint(nil)
	if _, _, err := verify(t, cache, raw, now); err != nil {
		t.Fatal(err)
	}
	_, known, err := verify(t, cache, raw, now)
	if refusal(t, err, tokentest.ErrKeyUnknown); known {
		t.Error("the token is known; expected it to be verified again")
	}
}

// Invalid tokens, and tokens that are too long, are never remembered.
func TestCacheNeverHoldsWhatWasRefused(t *testing.T) {
	cache, _ := newCache(t, &tokentest.Keyring{Keys: published()}, 100)
	good := mint(nil)
	for name, raw := range map[string]string{
		"invalid": "a.b.c", "not a JWT": "null", "empty": "", "forged": good[:len(good)-8] + "AAAAAAAA",
		"expired":  mint(map[string]any{"exp": now.Add(-time.Hour).Unix()}),
		"too long": good + strings.Repeat("A", maxBytes), "alg none": "eyJhbGciOiJub25lIn0.e30.",
	} {
		for range 2 {
			if _, known, err := verify(t, cache, raw, now); err == nil || known {
				t.Errorf("%s: known %v, %v", name, known, err)
			}
		}
	}
	// A token within the leeway is valid, and is verified each time.
	if _, known, err := verify(t, cache, mint(map[string]any{"exp": now.Add(-time.Second).Unix()}), now); err != nil || known {
		t.Errorf("within the leeway: known %v, %v", known, err)
	}
	if cache.Len() != 0 {
		t.Errorf("%d are remembered", cache.Len())
	}
}

// Tokens that differ in one byte are different tokens.
func TestCacheTellsTokensApart(t *testing.T) {
	cache, _ := newCache(t, &tokentest.Keyring{Keys: published()}, 100)
	for n := range 50 {
		subject := fmt.Sprint("user-", n)
		raw := mint(map[string]any{"sub": subject})
		for range 2 {
			got, _, err := verify(t, cache, raw, now)
			if err != nil || got.Subject != subject {
				t.Fatalf("%s: got %+v, %v", subject, got, err)
			}
		}
		if _, known, err := verify(t, cache, raw+"A", now); err == nil || known {
			t.Errorf("one more byte: known %v, %v", known, err)
		}
	}
}

// The cache never exceeds its limit, and frequent tokens stay in it while many others come.
func TestCacheIsBoundedAndResistsAScan(t *testing.T) {
	const entries, rounds = 50, 600
	ring := &tokentest.Keyring{Keys: published()}
	cache, _ := newCache(t, ring, entries)
	hot := make([]string, 10)
	for n := range hot {
		hot[n] = mint(map[string]any{"sub": fmt.Sprint("hot-", n)})
	}
	kept := 0
	for n := range rounds {
		if _, known, err := verify(t, cache, hot[n%len(hot)], now); err != nil {
			t.Fatal(err)
		} else if known && n >= rounds/2 {
			kept++
		}
		if _, _, err := verify(t, cache, mint(map[string]any{"sub": fmt.Sprint("scan-", n)}), now); err != nil {
			t.Fatal(err)
		}
		if used, limit := cache.Settle(); used > limit {
			t.Fatalf("after %d tokens: got %d in use; expected at most %d", n+1, used, limit)
		}
	}
	if kept < rounds/2*9/10 {
		t.Errorf("got %d of %d frequent tokens known; expected nearly all", kept, rounds/2)
	}
	// The limit is in proportion to entries. A limit in bytes holds more of these
	// tokens than entries, since they are short.
	if got := cache.Len(); got < entries/2 || got > 4*entries {
		t.Errorf("got %d tokens remembered; expected about %d", got, entries)
	}
}

// TestCacheTakesWhatItSays: the cache takes at most the memory that it counts, and at least
// three quarters of that; and the stated overhead of an entry is at most twice the real one.
func TestCacheTakesWhatItSays(t *testing.T) {
	groups := make([]string, 170)
	for n := range groups {
		groups[n] = fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)
	}
	for name, row := range map[string]struct {
		claims map[string]any
		kept   int // bytes of the value
		limit  int
	}{
		"a value":              {nil, 300, 8 << 20},
		"many groups":          {map[string]any{"groups": groups}, 6500, 24 << 20},
		"no value":             {nil, 0, 8 << 20},
		"no value, more of it": {nil, 0, 11 << 20}, // the tables grow by doubling
	} {
		t.Run(name, func(t *testing.T) {
			cache, verifier := newCache(t, &tokentest.Keyring{Keys: published()}, row.limit>>10)
			record := string(verifier.Record(known(t, cache, mint(row.claims))))
			value := strings.Repeat("k", row.kept)
			const header = 24 // a key and the header of a string
			before := heap()
			for n := range 40_000 {
				cache.RememberAs(n, token.Record(strings.Clone(record)), strings.Clone(value), row.kept+header)
			}
			used, _ := cache.Settle()
			counted, took := int(used), heap()-before
			runtime.KeepAlive(cache)
			if counted > row.limit || counted < row.limit*9/10 {
				t.Errorf("got %d bytes counted; expected nearly %d", counted, row.limit)
			}
			if took > counted || took < counted*3/4 {
				t.Errorf("got %d bytes in use; expected between 3/4 and all of %d", took, counted)
			}
			overhead := took/cache.Len() - len(record) - row.kept - header
			if row.kept == 0 && (overhead > tokencache.EntryBytes || overhead < tokencache.EntryBytes/2) {
				t.Errorf("got %d bytes of overhead; expected between half and all of %d", overhead, tokencache.EntryBytes)
			}
			t.Logf("%d tokens, %d bytes each, %d of them overhead", cache.Len(), took/cache.Len(), overhead)
		})
	}
}

// heap returns the bytes in use on the heap.
func heap() int {
	var m runtime.MemStats
	for range 3 { // objects with finalizers and in pools are freed by a later cycle
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Many concurrent requests with a new token verify one signature.
func TestCacheVerifiesOnce(t *testing.T) {
	const requests = 50
	ring := &tokentest.Keyring{Keys: published(), Hold: make(chan struct{})}
	cache, _ := newCache(t, ring, 10)
	raw := mint(nil)
	var all sync.WaitGroup
	var began sync.WaitGroup
	began.Add(requests)
	var fresh atomic.Int32
	for range requests {
		all.Go(func() {
			began.Done()
			got, known, err := verify(t, cache, raw, now)
			if err != nil || got.Subject != "alice" {
				t.Errorf("%+v, %v", got, err)
			}
			if !known {
				fresh.Add(1)
			}
		})
	}
	began.Wait()
	for range 100 {
		runtime.Gosched() // let the requests reach the point where they wait
	}
	close(ring.Hold)
	all.Wait()
	if fresh.Load() != 1 || len(ring.Accepted) != requests {
		t.Fatalf("got %d verifications and %d calls of Verified, want 1 and %d", fresh.Load(), len(ring.Accepted), requests)
	}
}

// The failure of one request does not fail those that wait for it.
func TestCacheDoesNotShareAFailure(t *testing.T) {
	ring := &tokentest.Keyring{Keys: published(), Down: true, Hold: make(chan struct{})}
	cache, _ := newCache(t, ring, 10)
	raw := mint(nil)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, _, err := verify(t, cache, raw, now); !errors.Is(err, tokentest.ErrKeysUnavailable) {
				t.Errorf("%v", err)
			}
		})
	}
	for range 100 {
		runtime.Gosched()
	}
	close(ring.Hold)
	all.Wait()
	ring.Recover()
	if _, known, err := verify(t, cache, raw, now); err != nil || known {
		t.Errorf("after the failure: known %v, %v", known, err)
	}
}

func TestCacheOfNothing(t *testing.T) {
	ring := &tokentest.Keyring{Keys: published()}
	cache, _ := newCache(t, ring, 0)
	raw := mint(nil)
	for range 2 {
		if _, known, err := verify(t, cache, raw, now); err != nil || known {
			t.Errorf("known %v, %v", known, err)
		}
	}
	if len(ring.Asked) != 2 || cache.Len() != 0 {
		t.Errorf("got %d calls of Key and %d tokens remembered", len(ring.Asked), cache.Len())
	}
}

// Recalling a token allocates no memory.
func TestCacheAllocatesNothing(t *testing.T) {
	cache, verifier := newCache(t, &tokentest.Keyring{Keys: published(), Quiet: true}, 10)
	revoke(`{"issuer": "api", "sub": "bob"}`)(nil, verifier)
	raw := mint(nil)
	if _, _, err := verify(t, cache, raw, now); err != nil {
		t.Fatal(err)
	}
	var again token.Token
	if n := testing.AllocsPerRun(1000, func() { _, _, _ = cache.Verify(context.Background(), raw, now, &again) }); n > 0 {
		t.Errorf("%.1f allocations", n)
	}
}

// known verifies a token that must be valid.
func known(t *testing.T, c *tokencache.Cache[string], raw string) *token.Token {
	t.Helper()
	got, _, err := verify(t, c, raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
