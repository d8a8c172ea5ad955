package issuer_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// An issuer that hangs from the start does not block the start.
func TestHangingAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial := newPipeServer(t, edJWK("a", newEd(t)))
		b := &bubble{t: t, keys: s}
		b.slow(time.Hour)
		began := time.Now()
		set := newSet(t, issuer.Options{Dial: dial}, issuerAt("http://keys.example/"))
		set.Start()
		synctest.Wait()
		if took := time.Since(began); took != 0 || set.Healthy() || set.Ready() {
			t.Errorf("after %s: healthy %v, ready %v", took, set.Healthy(), set.Ready())
		}
		want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysUnavailable)
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("a request waited until %s", took)
		}
		<-set.Changed()
		if took := time.Since(began); took != 5*time.Second || !set.Healthy() || set.Ready() {
			t.Errorf("after %s: healthy %v, ready %v", took, set.Healthy(), set.Ready())
		}
	})
}

// A hanging issuer delays only requests with an unknown kid.
func TestHangingIssuer(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.slow(time.Hour)
		b.want("b", issuer.ErrKeyPending)
		began := time.Now()
		for range 1000 {
			b.want("a", nil)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("a known key took %s", took)
		}
		b.pass(5 * time.Second)
		stats := b.issuer.Stats()
		if stats.Fetches[issuer.FetchTimeout] != 1 || stats.LastError != "no complete response within 5s" {
			t.Errorf("fetches %v, last error %q", stats.Fetches, stats.LastError)
		}
	})
}

// Keys that pass max_stale during a hanging fetch are no longer trusted at once, also
// for cached tokens. The response of that fetch makes them trusted again.
func TestMaxStaleWhileAFetchHangs(t *testing.T) {
	a := newEd(t)
	inBubble(t, []jwk{edJWK("a", a)}, func(cfg *config.Issuer, _ *server) {
		cfg.JWKS.MaxStale = 30 * time.Minute
		cfg.JWKS.RefreshInterval = 20 * time.Minute
		cfg.JWKS.RequestTimeout = time.Hour
	}, func(b *bubble) {
		b.slow(15 * time.Minute)
		epoch := b.issuer.Epoch()
		b.pass(30*time.Minute - time.Second)
		if b.fetches(2, 2); !b.issuer.Stats().Fetching || !b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() != epoch {
			t.Error("the key is not trusted within max_stale while the fetch hangs")
		}
		b.want("b", issuer.ErrKeyPending)
		b.pass(2 * time.Second)
		if b.fetches(2, 2); !b.issuer.Stats().Fetching || b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() == epoch {
			t.Error("a cached token is still valid past max_stale while the fetch hangs")
		}
		if b.logs.count("WARN", "becoming stale") != 1 || b.logs.count("ERROR", "past max_stale") != 1 {
			t.Errorf("the log says\n%s", b.logs)
		}
		b.want("b", issuer.ErrKeysStale)
		b.pass(5 * time.Minute)
		b.want("a", nil)
		b.fetches(3, 3) // the fetch for the unknown kid began after the hanging one
	})
}

// While a write to cache_dir hangs, new keys are loaded and old keys expire. The
// keys are written when the disk works again.
func TestADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, release, writes := t.TempDir(), make(chan struct{}), 0
		a := newEd(t)
		s, dial := newPipeServer(t, edJWK("a", a))
		cfg := issuerAt("http://keys.example/")
		cfg.JWKS.MaxStale, cfg.JWKS.RefreshInterval = 30*time.Minute, 10*time.Minute
		b := &bubble{t: t, keys: s, logs: &logs{}, ctx: t.Context()}
		b.set = newSetIn(t, dir, issuer.Options{Dial: dial, Logger: b.logs.logger(), Sync: func(f *os.File) error {
			writes++
			<-release
			return f.Sync()
		}}, cfg)
		b.issuer = only(t, b.set)
		b.set.Start()
		synctest.Wait()
		b.want("a", nil)
		if got := b.issuer.Stats().CacheError; got != "" {
			t.Errorf("before 5 seconds: cache error %q", got)
		}
		b.pass(6 * time.Second)
		if got := b.issuer.Stats().CacheError; got != "the write has not finished within 5s" {
			t.Errorf("after 5 seconds: cache error %q", got)
		}

		s.publish(t, edJWK("b", newEd(t)), edJWK("a", a))
		b.pass(10 * time.Minute)
		b.want("b", nil)
		s.status(http.StatusInternalServerError)
		b.pass(31 * time.Minute)
		b.want("b", issuer.ErrKeysStale)
		if writes != 1 {
			t.Errorf("%d files are being written", writes)
		}
		if names := files(t, dir); slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, ".json") }) {
			t.Errorf("the disk has %v", names)
		}

		close(release)
		synctest.Wait()
		if names := files(t, dir); writes != 2 || len(names) != 1 || !strings.HasSuffix(names[0], ".json") {
			t.Errorf("after %d writes the disk has %v", writes, names)
		}
		again := newSetIn(t, dir, issuer.Options{Dial: dial, Now: func() time.Time { return time.Now().Add(-20 * time.Minute) }}, cfg)
		if _, err := only(t, again).Key(t.Context(), "b", "EdDSA"); err != nil {
			t.Errorf("the newest key was not written: %v", err)
		}
	})
}

// Close, and so a reload or the end of the program, waits for a hanging disk for at
// most 5 seconds.
func TestCloseWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, lines := make(chan struct{}), &logs{}
		_, dial := newPipeServer(t, edJWK("a", newEd(t)))
		set := newSetIn(t, t.TempDir(), issuer.Options{Dial: dial, Logger: lines.logger(), Sync: func(f *os.File) error {
			<-release
			return f.Sync()
		}}, issuerAt("http://keys.example/"))
		set.Start()
		synctest.Wait()
		began := time.Now()
		set.Close()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
		if lines.count("WARN", "writing keys to cache_dir failed") != 1 {
			t.Errorf("the log says\n%s", lines)
		}
		close(release)
	})
}

// A refresher whose write was slow does not overwrite the keys of its successor.
func TestOlderKeysReplaceNothingOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, release, writes := t.TempDir(), make(chan struct{}), 0
		a := newEd(t)
		s, dial := newPipeServer(t, edJWK("a", a), edJWK("gone", newEd(t)))
		cfg := issuerAt("http://keys.example/")
		options := issuer.Options{Dial: dial, Sync: func(f *os.File) error {
			if writes++; writes == 1 {
				<-release
			}
			return f.Sync()
		}}
		old := newSetIn(t, dir, options, cfg)
		old.Start()
		time.Sleep(cfg.JWKS.RefreshInterval) // for keys that wait for the write in progress
		synctest.Wait()
		s.publish(t, edJWK("a", a))
		cfg.JWKS.RefreshInterval += time.Minute // so that next has a refresher of its own
		options.Previous = old
		next := newSetIn(t, dir, options, cfg)
		next.Start()
		synctest.Wait()
		closed := make(chan struct{})
		go func() { old.Close(); close(closed) }()
		synctest.Wait()
		close(release)
		<-closed
		synctest.Wait()
		options.Previous = nil
		again := only(t, newSetIn(t, dir, options, cfg))
		want(t, again, "a", "EdDSA", nil)
		if _, err := again.Key(t.Context(), "gone", "EdDSA"); err == nil {
			t.Error("a withdrawn key is on the disk")
		}
	})
}

// files returns the names of the files in a directory.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range found {
		names = append(names, one.Name())
	}
	return names
}
