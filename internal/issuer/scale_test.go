package issuer_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// The real thing, over loopback: ten thousand kids at once, then a rotation.
func TestStorm(t *testing.T) {
	key := newEd(t)
	keys := newServer(t, edJWK("a", key))
	cfg := issuerAt(keys.URL)
	cfg.JWKS.UnknownKIDCooldown = time.Second
	i := only(t, start(t, issuer.Options{}, cfg))
	before := heap()
	began := time.Now()
	stop := proper(t, i, key)
	flood(i, 10_000)
	keys.publish(t, edJWK("a", key), edJWK("rotated", newEd(t)))
	eventually(t, 5*time.Second, "the rotated key is accepted", func() bool {
		_, err := i.Key(t.Context(), "rotated", "EdDSA")
		if err != nil && !errors.Is(err, issuer.ErrKeyPending) {
			t.Fatalf("the rotated key was refused: %v", err)
		}
		return err == nil
	})
	stop()
	if n, most := keys.fetches(), 1+3+1+int(time.Since(began)/time.Second); n > most {
		t.Errorf("%d fetches in %s, want at most %d", n, time.Since(began), most)
	}
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("the storm left %d bytes", grown)
	}
}

// flood asks for many kids from many goroutines.
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

// proper is a client whose key never changes: it must never fail.
func proper(t *testing.T, i *issuer.Issuer, key ed25519.PublicKey) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			got, err := i.Key(context.Background(), "a", "EdDSA")
			if err != nil || !key.Equal(got) {
				t.Errorf("a proper token was refused: %v", err)
				return
			}
			i.Verified("a")
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

// Two hundred issuers, fifty of which hang: the others' keys are there at once,
// at a goroutine each, and when the set is closed nothing is left of any.
func TestManyIssuers(t *testing.T) {
	good, hanging := newServer(t, edJWK("a", newEd(t))), newServer(t)
	hanging.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	var list []config.Issuer
	for n := range 200 {
		cfg := issuerAt(good.URL)
		if n%4 == 0 {
			cfg = issuerAt(hanging.URL)
		}
		cfg.JWKS.RequestTimeout = time.Minute
		cfg.Name, cfg.ISS = fmt.Sprint("i", n), []string{fmt.Sprint("https://issuer.example/", n)}
		list = append(list, cfg)
	}
	before := runtime.NumGoroutine()
	set := newSet(t, issuer.Options{}, list...)
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("NewSet started %d goroutines", n-before)
	}
	began := time.Now()
	set.Start()
	eventually(t, 20*time.Second, "150 issuers have keys while 50 hang", func() bool {
		with := 0
		for _, stats := range set.Stats() {
			if stats.HasKeys {
				with++
			}
		}
		return with == 150
	})
	if set.Healthy() || !set.Ready() {
		t.Errorf("while 50 first fetches hang: healthy %v, ready %v", set.Healthy(), set.Ready())
	}
	t.Logf("150 of 200 issuers had keys after %s", time.Since(began))
	closing := time.Now()
	set.Close()
	if took := time.Since(closing); took > 10*time.Second {
		t.Errorf("Close took %s", took)
	}
	hanging.CloseClientConnections()
	good.CloseClientConnections()
	eventually(t, 5*time.Second, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}
