package tokencache_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/token"
	"github.com/jwtgate/jwtgate/internal/token/tokentest"
	"github.com/jwtgate/jwtgate/internal/tokencache"
)

// A recalled token says the same as when it was verified.
func TestCacheSaysTheSame(t *testing.T) {
	hour := now.Add(time.Hour).Unix()
	for name, claims := range map[string]map[string]any{
		"few claims":               {"sub": "a"},
		"a fraction of a second":   {"exp": float64(hour) + 0.25, "nbf": float64(now.Unix()) - 0.5},
		"the end of the year 9999": {"exp": 253402300799},
		"no iat":                   {"iat": nil}, "iat": {"iat": now.Unix() - 5},
		"groups and scopes":               {"groups": []string{"admin", "", "Zoë", "a,b"}, "scope": "read write"},
		"empty lists":                     {"groups": []string{}, "scope": ""},
		"scopes in an array":              {"scope": []string{"read", "write all"}},
		"a login":                         {"auth_time": now.Unix() - 60, "acr": "gold"},
		"a login time that is not a date": {"auth_time": "yesterday"},
		"IDs":                             {"jti": "one", "origin_jti": "two", "client_id": "web", "azp": "web"},
		"IDs that are not strings":        {"jti": 1, "origin_jti": []string{"x"}},
		"a program":                       {"sub": "web", "client_id": "web"},
		"long":                            {"padding": strings.Repeat("x", 3000), "sub": strings.Repeat("s", 300)},
		"many groups":                     {"groups": strings.Split(strings.Repeat("group,", 300), ",")},
	} {
		t.Run(name, func(t *testing.T) {
			cache, _ := newCache(t, &tokentest.Keyring{Keys: published()}, 10)
			raw := mint(claims)
			first := says(known(t, cache, raw))
			again, known, err := verify(t, cache, raw, now)
			if err != nil || !known {
				t.Fatalf("known %v, %v", known, err)
			}
			if got := says(again); !reflect.DeepEqual(got, first) {
				t.Errorf("first %v\nagain %v", first, got)
			}
		})
	}
}

// A token that reuses the memory of another has nothing from it.
func TestCacheReusesTheTokensMemory(t *testing.T) {
	cache, _ := newCache(t, &tokentest.Keyring{Keys: published()}, 10)
	rich := mint(map[string]any{
		"sub": "rich", "groups": []string{"admin"}, "scope": "all", "acr": "gold", "auth_time": now.Unix(), "jti": "j", "client_id": "web",
	})
	poor := mint(map[string]any{"sub": "poor", "client_id": nil})
	want := says(known(t, cache, poor))
	var shared token.Token
	for range 3 {
		for _, raw := range []string{rich, poor} {
			if _, _, err := cache.Verify(t.Context(), raw, now, &shared); err != nil {
				t.Fatal(err)
			}
			shared.Claims()
		}
		if got := says(&shared); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
		shared.Forget()
	}
}

// A token whose record is many times as long as the token is verified each time: an empty
// group takes three bytes in the token, and the length of the prefix in the record.
func TestCacheOfALongRecord(t *testing.T) {
	issuer := apiIssuer()
	issuer.Prefix = "the-longest-of-all-prefixes:"
	verifier := newVerifier(t, issuer, &tokentest.Keyring{Keys: published()})
	cache := must(tokencache.New[string](verifier, 1<<20))
	for count, want := range map[int]bool{100: true, 2000: false} {
		raw := mint(map[string]any{"groups": make([]string, count)})
		known(t, cache, raw)
		got, again, err := verify(t, cache, raw, now)
		if err != nil || again != want || len(got.Groups()) != count {
			t.Errorf("%d groups: known %v, want %v; %v", count, again, want, err)
		}
	}
}

// A value is kept under its key as long as the token is remembered, up to the limits.
func TestKept(t *testing.T) {
	cache, _ := newCache(t, &tokentest.Keyring{Keys: published()}, 100) // more than the values take
	raw, other := mint(nil), mint(map[string]any{"sub": "bob"})
	first := entryOf(t, cache, raw)
	if _, found := first.Kept(1); found || !first.Remembered() {
		t.Errorf("a new token has a value, or is not remembered")
	}
	keep := func(key uint64, value string) { cache.Keep(entryOf(t, cache, raw), key, value, len(value)) }
	kept := func(raw string, key uint64) string {
		value, _ := entryOf(t, cache, raw).Kept(key)
		return value
	}
	for key := range uint64(4) {
		keep(key, fmt.Sprint("value ", key))
	}
	keep(2, "another value")
	for key := range uint64(4) {
		if got, want := kept(raw, key), fmt.Sprint("value ", key); got != want {
			t.Errorf("%d: %q, want %q", key, got, want)
		}
		if got := kept(other, key); got != "" {
			t.Errorf("another token has %q", got)
		}
	}
	if before, after := says(known(t, cache, raw)), says(known(t, cache, raw)); !reflect.DeepEqual(before, after) {
		t.Error("the token says something different")
	}
	keep(4, "one too many")
	if kept(raw, 4) != "one too many" || kept(raw, 0) != "" {
		t.Error("a value after the limit does not replace the others")
	}
	keep(5, strings.Repeat("x", 17<<10))
	if kept(raw, 5) != "" || kept(raw, 4) == "" {
		t.Error("a value that is too long is kept")
	}
	keep(6, strings.Repeat("x", 16<<10))
	if kept(raw, 6) == "" || kept(raw, 4) != "" {
		t.Error("more bytes are kept than the limit")
	}
	if _, found := first.Kept(6); found {
		t.Error("an entry changed")
	}
	cache.Keep(tokencache.Entry[string]{}, 1, "of nothing", 10)
	if cache.Len() != 2 {
		t.Errorf("%d are remembered, want 2", cache.Len())
	}
}

// A value that is kept after the token was verified again, with other keys, does not bring
// the old entry back to life: the token is checked against the current keys.
func TestKeptOfAnEarlierEpoch(t *testing.T) {
	ring := &tokentest.Keyring{Keys: published()}
	cache, _ := newCache(t, ring, 10)
	raw := mint(nil)
	earlier := entryOf(t, cache, raw)
	ring.Changes.Add(1)
	known(t, cache, raw)
	cache.Keep(earlier, 1, "late", 4)
	ring.Keys = nil
	if _, known, err := verify(t, cache, raw, now); known || err == nil {
		t.Errorf("known %v, %v", known, err)
	}
}

// entryOf returns the entry of a token that must be valid.
func entryOf(t *testing.T, c *tokencache.Cache[string], raw string) tokencache.Entry[string] {
	t.Helper()
	var got token.Token
	at, _, err := c.Verify(t.Context(), raw, now, &got)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
