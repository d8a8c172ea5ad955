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
	"github.com/jwtgate/jwtgate/internal/tokencache"
)

// verify is Verify in cache of its own.
func verify(t testing.TB, m *tokencache.Cache[string], raw string, at time.Time) (*token.Token, bool, error) {
	t.Helper()
	var got token.Token
	_, known, err := m.Verify(t.Context(), raw, at, &got)
	if err != nil {
		if !reflect.DeepEqual(got, token.Token{}) {
			t.Errorf("refused, and yet it says %+v", got)
		}
		return nil, known, err
	}
	return &got, known, nil
}

// says is all that a token says.
func says(t *token.Token) map[string]any {
	issued, known := t.IssuedAt()
	age, ageKnown := t.AuthAge(now.Add(time.Minute))
	return map[string]any{
		"issuer": t.Issuer, "iss": t.ISS, "subject": t.Subject, "client": t.Client, "kind": t.Kind, "kid": t.KeyID, "alg": t.Algorithm,
		"expiry": t.Expiry.UnixNano(), "end": t.End().UnixNano(), "acr": t.ACR, "groups": fmt.Sprint(len(t.Groups()), t.Groups()), "scopes": fmt.Sprint(len(t.Scopes()), t.Scopes()),
		"claims": t.Claims(), "issued": fmt.Sprint(issued.UnixNano(), known), "login": fmt.Sprint(age, ageKnown),
	}
}

func TestCacheKnowsATokenAgain(t *testing.T) {
	ring := &keyring{keys: published()}
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
	if len(ring.asked) != 1 || len(ring.verified) != 4 {
		t.Errorf("the keys were asked for %d times and told of %d tokens, want 1 and 4", len(ring.asked), len(ring.verified))
	}
}

// Each row changes one thing behind a token that is remembered. It must come out
// as it would for a verifier that has never seen it.
func TestCacheHoldsNoLongerThanTheToken(t *testing.T) {
	const leeway = 30 * time.Second
	for _, row := range []struct {
		name    string
		claims  map[string]any
		at      time.Time // of the second time
		between func(ring *keyring, v *token.Verifier)
		known   bool
		want    error
	}{
		{name: "nothing", at: now, known: true},
		{name: "a nanosecond before exp", at: now.Add(time.Hour - 1), known: true},
		{name: "at exp, verified afresh", at: now.Add(time.Hour)},
		{name: "within the leeway, verified afresh", at: now.Add(time.Hour + leeway - 1)},
		{name: "behind the leeway", at: now.Add(time.Hour + leeway), want: token.ErrExpired},
		{name: "the clock went back to nbf less the leeway", claims: map[string]any{"nbf": now.Unix()}, at: now.Add(-leeway), known: true},
		{name: "the clock went back further", claims: map[string]any{"nbf": now.Unix()}, at: now.Add(-leeway - 1), want: token.ErrNotYetValid},
		{name: "the clock went back behind iat", claims: map[string]any{"iat": now.Unix(), "nbf": nil}, at: now.Add(-leeway - 1), want: token.ErrIssuedInFuture},
		{name: "the key set changed, not the key", at: now, between: func(r *keyring, _ *token.Verifier) { r.epoch.Add(1) }},
		{name: "the key went", at: now, want: errKeyUnknown, between: func(r *keyring, _ *token.Verifier) {
			r.keys = nil
			r.epoch.Add(1)
		}},
		{name: "the keys grew stale", at: now, want: errKeysUnavailable, between: func(r *keyring, _ *token.Verifier) {
			r.down = true
			r.epoch.Add(1)
		}},
		{name: "it was revoked", at: now, want: token.ErrTokenRevoked, between: revoke(`{"issuer": "api", "sub": "alice"}`)},
		{name: "it was revoked by its client", at: now, want: token.ErrTokenRevoked, between: revoke(`{"issuer": "api", "client": "web"}`)},
		{name: "another was revoked", at: now, known: true, between: revoke(`{"issuer": "api", "sub": "bob"}`)},
		{name: "the list was emptied", at: now, known: true, between: revoke("")},
	} {
		t.Run(row.name, func(t *testing.T) {
			ring := &keyring{keys: published()}
			cache, verifier := newCache(t, ring, 10)
			claims := map[string]any{"exp": now.Add(time.Hour).Unix(), "sub": "alice", "client_id": "web"}
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
					t.Error("a refused token was known")
				}
				return
			}
			if err != nil || known != row.known {
				t.Errorf("known %v, want %v; %v", known, row.known, err)
			}
		})
	}
}

// revoke puts a list in force.
func revoke(lines string) func(*keyring, *token.Verifier) {
	return func(_ *keyring, v *token.Verifier) {
		v.SetRevocations(must(revocation.Parse(strings.NewReader(lines), []string{"api"})))
	}
}

// What is revoked when a token comes for the first time, and what is revoked
// between its verification and its entry, holds for the entry.
func TestCacheOfATokenVerifiedUnderAnotherList(t *testing.T) {
	ring := &keyring{keys: published(), hold: make(chan struct{})}
	cache, verifier := newCache(t, ring, 10)
	raw := mint(map[string]any{"sub": "alice"})
	done := make(chan error)
	go func() {
		_, _, err := verify(t, cache, raw, now)
		done <- err
	}()
	revoke(`{"issuer": "api", "sub": "alice"}`)(nil, verifier)
	close(ring.hold)
	first := <-done // by either list
	_, _, err := verify(t, cache, raw, now)
	if refusal(t, err, token.ErrTokenRevoked); first != nil {
		refusal(t, first, token.ErrTokenRevoked)
	}
}

// withdrawing is a key source that withdraws each key right after it returned it.
type withdrawing struct{ *keyring }

func (w withdrawing) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	key, err := w.keyring.Key(ctx, kid, alg)
	w.keys = nil
	w.epoch.Add(1)
	return key, err
}

// The verifier reads the epoch before it asks for the key. In the other order a token
// would be remembered with the epoch that withdrew its key.
func TestCacheOfAKeyWithdrawnMeanwhile(t *testing.T) {
	source := withdrawing{&keyring{keys: published()}}
	verifier := newVerifier(t, apiIssuer(), source)
	cache := must(tokencache.New[string](verifier, 1<<20))
	raw := mint(nil)
	if _, _, err := verify(t, cache, raw, now); err != nil {
		t.Fatal(err)
	}
	_, known, err := verify(t, cache, raw, now)
	if refusal(t, err, errKeyUnknown); known {
		t.Error("the token is known; expected it to fall with its key")
	}
}

// Junk is never remembered, and neither is what is too long to be looked at.
func TestCacheNeverHoldsWhatWasRefused(t *testing.T) {
	cache, _ := newCache(t, &keyring{keys: published()}, 100)
	good := mint(nil)
	for name, raw := range map[string]string{
		"junk": "a.b.c", "no JWT": "null", "empty": "", "forged": good[:len(good)-8] + "AAAAAAAA",
		"expired":  mint(map[string]any{"exp": now.Add(-time.Hour).Unix()}),
		"too long": good + strings.Repeat("A", maxBytes), "alg none": "eyJhbGciOiJub25lIn0.e30.",
	} {
		for range 2 {
			if _, known, err := verify(t, cache, raw, now); err == nil || known {
				t.Errorf("%s: known %v, %v", name, known, err)
			}
		}
	}
	// One that ends with its leeway is good, and verified afresh each time.
	if _, known, err := verify(t, cache, mint(map[string]any{"exp": now.Add(-time.Second).Unix()}), now); err != nil || known {
		t.Errorf("within the leeway: known %v, %v", known, err)
	}
	if cache.Len() != 0 {
		t.Errorf("%d are remembered", cache.Len())
	}
}

// A token of another's, or one byte of difference, is another token.
func TestCacheTellsTokensApart(t *testing.T) {
	cache, _ := newCache(t, &keyring{keys: published()}, 100)
	for n := range 50 {
		subject := fmt.Sprint("user-", n)
		raw := mint(map[string]any{"sub": subject})
		for range 2 {
			got, _, err := verify(t, cache, raw, now)
			if err != nil || got.Subject != subject {
				t.Fatalf("%s came out as %+v: %v", subject, got, err)
			}
		}
		if _, known, err := verify(t, cache, raw+"A", now); err == nil || known {
			t.Errorf("a byte more: known %v, %v", known, err)
		}
	}
}

// The cache never exceeds its limit, however many tokens come, and the tokens that
// come again and again stay in it.
func TestCacheIsBoundedAndResistsAScan(t *testing.T) {
	const entries, rounds = 50, 600
	ring := &keyring{keys: published()}
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

// TestCacheTakesWhatItSays: what is remembered takes no more cache than it is
// counted for, and not much less; with long tokens and with short ones.
func TestCacheTakesWhatItSays(t *testing.T) {
	groups := make([]string, 170)
	for n := range groups {
		groups[n] = fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)
	}
	for name, row := range map[string]struct {
		claims map[string]any
		kept   int
		bytes  int
	}{
		"ordinary":             {nil, 300, 8 << 20},
		"a large directory's":  {map[string]any{"groups": groups}, 6500, 24 << 20},
		"with next to nothing": {map[string]any{"groups": nil, "scope": nil}, 1, 8 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			cache, verifier := newCache(t, &keyring{keys: published()}, row.bytes>>10)
			record := string(verifier.Record(known(t, cache, mint(row.claims))))
			kept := strings.Repeat("k", row.kept)
			before := heap()
			for n := range 40_000 {
				cache.RememberAs(n, token.Record(strings.Clone(record)), strings.Clone(kept), row.kept+24)
			}
			used, _ := cache.Settle()
			weight, took := int(used), heap()-before
			runtime.KeepAlive(cache)
			if weight > row.bytes || weight < row.bytes*9/10 {
				t.Errorf("%d are counted, want nearly %d", weight, row.bytes)
			}
			if took > weight*11/10 || took < weight/2 {
				t.Errorf("%d tokens take %d bytes and are counted as %d", cache.Len(), took, weight)
			}
			t.Logf("%d tokens, %d bytes each", cache.Len(), took/max(cache.Len(), 1))
		})
	}
}

// heap is what lives on the heap.
func heap() int {
	var m runtime.MemStats
	for range 3 { // what a finalizer or a pool holds goes with a later one
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Many requests with one token that is new cost one signature.
func TestCacheVerifiesOnce(t *testing.T) {
	const requests = 50
	ring := &keyring{keys: published(), hold: make(chan struct{})}
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
		runtime.Gosched() // let them come to where they wait
	}
	close(ring.hold)
	all.Wait()
	if fresh.Load() != 1 || len(ring.verified) != requests {
		t.Fatalf("%d requests had it verified, and the keys were told of %d, want 1 and %d", fresh.Load(), len(ring.verified), requests)
	}
}

// A first request that fails does not fail those that waited for it.
func TestCacheDoesNotShareAFailure(t *testing.T) {
	ring := &keyring{keys: published(), down: true, hold: make(chan struct{})}
	cache, _ := newCache(t, ring, 10)
	raw := mint(nil)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, _, err := verify(t, cache, raw, now); !errors.Is(err, errKeysUnavailable) {
				t.Errorf("%v", err)
			}
		})
	}
	for range 100 {
		runtime.Gosched()
	}
	close(ring.hold)
	all.Wait()
	ring.mu.Lock()
	ring.down = false
	ring.mu.Unlock()
	if _, known, err := verify(t, cache, raw, now); err != nil || known {
		t.Errorf("behind the failure: known %v, %v", known, err)
	}
}

func TestCacheOfNothing(t *testing.T) {
	ring := &keyring{keys: published()}
	cache, _ := newCache(t, ring, 0)
	raw := mint(nil)
	for range 2 {
		if _, known, err := verify(t, cache, raw, now); err != nil || known {
			t.Errorf("known %v, %v", known, err)
		}
	}
	if len(ring.asked) != 2 || cache.Len() != 0 {
		t.Errorf("asked %d times, %d remembered", len(ring.asked), cache.Len())
	}
}

// A token that is known again costs no cache.
func TestCacheAllocatesNothing(t *testing.T) {
	cache, verifier := newCache(t, &keyring{keys: published(), quiet: true}, 10)
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

// known verifies a token that must be good.
func known(t *testing.T, m *tokencache.Cache[string], raw string) *token.Token {
	t.Helper()
	got, _, err := verify(t, m, raw, now)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
