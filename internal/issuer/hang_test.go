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

// An issuer that hangs from the start keeps nothing from starting.
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

// A hanging issuer costs nobody but those who miss a key.
func TestHangingIssuer(t *testing.T) {
	inBubble(t, []jwk{edJWK("a", newEd(t))}, nil, func(b *bubble) {
		b.slow(time.Hour)
		b.want("b", issuer.ErrKeyPending)
		began := time.Now()
		for range 1000 {
			b.want("a", nil)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("a held key took %s", took)
		}
		b.pass(5 * time.Second)
		stats := b.issuer.Stats()
		if stats.Fetches[issuer.FetchTimeout] != 1 || stats.LastError != "no complete response within 5s" {
			t.Errorf("fetches %v, last error %q", stats.Fetches, stats.LastError)
		}
	})
}

// Time goes on while a fetch hangs: keys that pass max_stale in the middle of one
// fall at once, for remembered tokens too, and its answer raises them again.
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
			t.Error("within max_stale the key must stand while the fetch hangs")
		}
		b.want("b", issuer.ErrKeyPending)
		b.pass(2 * time.Second)
		if b.fetches(2, 2); !b.issuer.Stats().Fetching || b.issuer.Holds("a", "EdDSA", a) || b.issuer.Epoch() == epoch {
			t.Error("past max_stale a remembered token must fall while the fetch hangs")
		}
		if b.logs.count("WARN", "becoming stale") != 1 || b.logs.count("ERROR", "past max_stale") != 1 {
			t.Errorf("the log says\n%s", b.logs)
		}
		b.want("b", issuer.ErrKeysStale)
		b.pass(5 * time.Minute)
		b.want("a", nil)
		b.fetches(3, 3) // one at a time: that for the unknown kid came behind
	})
}

// TestADiskThatHangs: keys that cannot be written to cache_dir hold up neither
// those that come next nor the end of trust, and are written when the disk does.
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
			t.Errorf("at once: cache error %q", got)
		}
		b.pass(6 * time.Second)
		if got := b.issuer.Stats().CacheError; got != "the write has not finished within 5s" {
			t.Errorf("after a while: cache error %q", got)
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
			t.Errorf("the newest key was not kept: %v", err)
		}
	})
}

// TestCloseWhileTheDiskHangs: what waits for a set to be closed, a reload or the
// end of the program, does not wait for its disk.
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

// TestOlderKeysReplaceNothingOnDisk: a refresher whose disk was slow writes after the
// one that has followed it.
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
		time.Sleep(cfg.JWKS.RefreshInterval) // keys that wait behind those that are being written
		synctest.Wait()
		s.publish(t, edJWK("a", a))
		cfg.JWKS.RefreshInterval += time.Minute // a refresher of its own
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

// files are the names in a folder.
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
