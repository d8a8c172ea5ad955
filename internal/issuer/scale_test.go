package issuer_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// Ten thousand unknown kids at once over real connections, then a rotation.
func TestStorm(t *testing.T) {
	key := newEd(t)
	keys := newServer(t, edJWK("a", key))
	cfg := issuerAt(keys.URL)
	cfg.JWKS.UnknownKIDCooldown = time.Second
	i := only(t, start(t, issuer.Options{}, cfg))
	before := heap()
	began := time.Now()
	stop := useKey(t, i, key)
	flood(i, 10_000)
	keys.publish(t, edJWK("a", key), edJWK("rotated", newEd(t)))
	retry(t, i, "rotated", nil)
	stop()
	if n, most := keys.fetches(), 1+3+1+int(time.Since(began)/time.Second); n > most {
		t.Errorf("%d fetches in %s, want at most %d", n, time.Since(began), most)
	}
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// flood calls Key with many kids from many goroutines.
func flood(i *issuer.Issuer, kids int) {
	var group sync.WaitGroup
	for worker := range 100 {
		group.Go(func() {
			for n := range kids / 100 {
				_, _ = i.Key(context.Background(), fmt.Sprintf("%d-%d", worker, n), "EdDSA")
			}
		})
	}
	group.Wait()
}

// useKey calls Key for kid a every few milliseconds until stop. None of the calls
// may fail.
func useKey(t *testing.T, i *issuer.Issuer, key ed25519.PublicKey) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			got, err := i.Key(context.Background(), "a", "EdDSA")
			if err != nil || !key.Equal(got) {
				t.Errorf("got key %v, error %v; expected the known key", got, err)
				return
			}
			i.Verified("a", "EdDSA")
		}
	})
	return func() { close(done); group.Wait() }
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// Of two hundred issuers, fifty hang. The others have their keys at once, and after
// Close no goroutine is left, which synctest.Test checks.
func TestManyIssuers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, dial := newPipeServer(t)
		text := document(t, edJWK("a", newEd(t)))
		keys.answers(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hang" {
				<-r.Context().Done()
				return
			}
			fmt.Fprint(w, text)
		})
		list := issuers(200)
		for n := 0; n < len(list); n += 4 {
			list[n].JWKS.URI = "http://keys.example/hang"
		}
		synctest.Wait()
		before := bubbleGoroutines()
		set := newSet(t, issuer.Options{Dial: dial}, list...)
		if n := bubbleGoroutines(); n > before {
			t.Errorf("NewSet started %d goroutines", n-before)
		}
		began := time.Now()
		set.Start()
		synctest.Wait()
		loaded := 0
		for _, stats := range set.Stats() {
			if stats.HasKeys {
				loaded++
			}
		}
		if loaded != 150 || set.Healthy() || !set.Ready() {
			t.Errorf("got %d issuers with keys, healthy %v, ready %v; expected 150, false, true", loaded, set.Healthy(), set.Ready())
		}
		set.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

// bubbleGoroutines returns how many goroutines are in the caller's synctest bubble.
// runtime.NumGoroutine also counts those of the runtime, which come and go.
func bubbleGoroutines() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	own, _, _ := bytes.Cut(stacks, []byte("\n")) // the caller is first
	_, bubble, _ := bytes.Cut(own, []byte("synctest bubble "))
	return bytes.Count(stacks, append([]byte("synctest bubble "), bubble...))
}

// issuers returns the configs of many issuers with the same key set.
func issuers(count int) []config.Issuer {
	var list []config.Issuer
	for n := range count {
		cfg := issuerAt("http://keys.example/")
		cfg.Name, cfg.ISS = fmt.Sprint("i", n), []string{fmt.Sprint("https://issuer.example/", n)}
		list = append(list, cfg)
	}
	return list
}

// After their first fetch, two hundred issuers need one goroutine each and little
// memory.
func TestMemoryOfManyIssuers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dial := newPipeServer(t, edJWK("a", newEd(t)))
		synctest.Wait()
		before, goroutines := heap(), bubbleGoroutines()
		set := start(t, issuer.Options{Dial: dial}, issuers(200)...)
		synctest.Wait()
		if n := bubbleGoroutines() - goroutines; n != 200 {
			t.Errorf("got %d goroutines; expected 200", n)
		}
		if grown := int64(heap()) - int64(before); grown > 200*64<<10 {
			t.Errorf("200 issuers use %d bytes", grown)
		}
		runtime.KeepAlive(set)
	})
}
