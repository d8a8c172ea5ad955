package issuer_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// writeCache runs an issuer once, in the bubble of a test, so that its keys are in
// a cache directory. It returns the directory, the file in it, and the issuer's
// config.
func writeCache(t *testing.T, keys ...jwk) (dir, name string, cfg config.Issuer) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "made", "on", "demand")
	_, dial := newPipeServer(t, keys...)
	cfg = issuerAt("http://keys.example/")
	startIn(t, dir, issuer.Options{Dial: dial}, cfg).Close()
	found, err := filepath.Glob(filepath.Join(dir, "keys-main-*.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("got cache files %v, error %v; expected one file", found, err)
	}
	return dir, found[0], cfg
}

func TestRestartDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newEd(t)
		dir, _, cfg := writeCache(t, edJWK("a", a), edJWK("enc", newEd(t)).with("use", "enc"))
		s, dial := newPipeServer(t)
		s.status(http.StatusServiceUnavailable)
		empty := start(t, issuer.Options{Dial: dial}, cfg)
		want(t, only(t, empty), "a", "EdDSA", issuer.ErrKeysUnavailable) // without cache_dir
		empty.Close()

		lines := &logs{}
		set := newSetIn(t, dir, issuer.Options{Dial: dial, Logger: lines.logger()}, cfg)
		if key := want(t, only(t, set), "a", "EdDSA", nil); !a.Equal(key) {
			t.Error("another key was restored")
		}
		if !set.Healthy() || !set.Ready() || lines.count("keys restored", `"from":"cache_dir"`, `"a"`) != 1 {
			t.Errorf("healthy %v, ready %v, log\n%s", set.Healthy(), set.Ready(), lines)
		}
		before := s.fetches()
		set.Start()
		synctest.Wait()
		if s.fetches() == before {
			t.Error("no fetch began at once")
		}
		want(t, only(t, set), "b", "EdDSA", issuer.ErrKeyPending) // the cache proves nothing about other kids
		s.publish(t, edJWK("b", newEd(t)))
		time.Sleep(time.Second)
		want(t, only(t, set), "b", "EdDSA", nil)
		if only(t, set).Holds("a", "EdDSA", a) {
			t.Error("a restored key stayed although the issuer no longer publishes it")
		}
	})
}

func TestCacheFileIsOurs(t *testing.T) {
	synctest.Test(t, cacheFileIsOurs)
}

func cacheFileIsOurs(t *testing.T) {
	_, name, cfg := writeCache(t, edJWK("a", newEd(t)))
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o", info.Mode().Perm())
	}
	var content map[string]any
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	if content["issuer"] != "main" || content["uri"] != cfg.JWKS.URI || content["iss"].([]any)[0] != cfg.ISS[0] || content["fetched"] == "" {
		t.Errorf("content %s", text)
	}
	rest, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(rest) != 1 {
		t.Errorf("got files %v, error %v; expected the cache file only", rest, err)
	}
}

// Unless served is set, each row is a cache file that must not be used: the log has
// a warning, and the set starts without keys.
func TestCacheFileRefused(t *testing.T) {
	type file struct{ name string }
	edit := func(from, to string) func(*testing.T, file) {
		return func(t *testing.T, f file) {
			text, err := os.ReadFile(f.name)
			if err != nil || !strings.Contains(string(text), from) {
				t.Fatalf("%s: %v", text, err)
			}
			if err := os.WriteFile(f.name, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	content := func(text string) func(*testing.T, file) {
		return func(t *testing.T, f file) {
			if err := os.WriteFile(f.name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	mode := func(mode os.FileMode) func(*testing.T, file) {
		return func(t *testing.T, f file) {
			if err := os.Chmod(f.name, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	fetched := func(age time.Duration) func(*testing.T, file) {
		return func(t *testing.T, f file) {
			text, err := os.ReadFile(f.name)
			if err != nil {
				t.Fatal(err)
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(text, &members); err != nil {
				t.Fatal(err)
			}
			at, err := time.Now().Add(-age).MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			edit(string(members["fetched"]), string(at))(t, f)
		}
	}
	link := func(t *testing.T, f file) {
		if err := os.Rename(f.name, f.name+".real"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(f.name+".real", f.name); err != nil {
			t.Fatal(err)
		}
	}
	directory := func(t *testing.T, f file) {
		if err := os.Remove(f.name); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(f.name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	foreign := func(t *testing.T, f file) {
		if os.Geteuid() != 0 {
			return
		}
		if err := os.Chown(f.name, 65534, -1); err != nil {
			t.Fatal(err)
		}
	}
	root := os.Geteuid() == 0
	for _, row := range []struct {
		name, warning string
		change        func(*testing.T, file)
		served        bool
	}{
		{"empty", "is damaged", content(""), false},
		{"cut off", "is damaged", content(`{"version":1,"issuer":"ma`), false},
		{"another JSON value", "is damaged", content(`[]`), false},
		{"too long", "more than 1048576 bytes", content(strings.Repeat(" ", 1<<20+1)), false},
		{"an empty object", "is from another issuer", content(`{}`), false},
		{"no keys", "the key set is empty", func(t *testing.T, f file) {
			edit(`"key_set":{"keys":[`, `"key_set":{"keys":[],"were":[`)(t, f)
		}, false},
		{"another version", "another version", edit(`"version":1`, `"version":2`), false},
		{"another issuer's name", "is from another issuer", edit(`"issuer":"main"`, `"issuer":"other"`), false},
		{"another iss", "is from another issuer", edit(`https://issuer.example/`, `https://issuer.example`), false},
		{"another uri", "is from another issuer", edit(`"uri":"http`, `"uri":"https`), false},
		{"an unusable key", "none of the key set's 1 keys is usable", edit(`"crv":"Ed25519"`, `"crv":"Ed448"`), false},
		{"older than max_stale", "max_stale is 24h0m0s", fetched(25 * time.Hour), false},
		{"nearly as old as max_stale", "", fetched(23 * time.Hour), true},
		{"from the future, by an hour", "", fetched(-time.Hour), true},
		{"from the far future", "max_stale is 24h0m0s", fetched(-25 * time.Hour), false},
		{"world-writable", "is writable by other users (mode 0602)", mode(0o602), false},
		{"group-writable", "is writable by other users (mode 0620)", mode(0o620), false},
		{"readable by others", "", mode(0o644), true},
		{"a symbolic link", "too many levels of symbolic links", link, false},
		{"a directory", "is not a regular file", directory, false},
		// Only root can make a file another user's.
		{"another user's", map[bool]string{true: "belongs to another user"}[root], foreign, !root},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, name, cfg := writeCache(t, edJWK("a", newEd(t)))
				row.change(t, file{name})
				lines := &logs{}
				set := newSetIn(t, dir, issuer.Options{Logger: lines.logger()}, cfg)
				if row.served {
					want(t, only(t, set), "a", "EdDSA", nil)
					return
				}
				want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysUnavailable)
				if lines.count("WARN", "the keys in cache_dir were not used", row.warning) != 1 {
					t.Errorf("the log says\n%s", lines)
				}
			})
		})
	}
}

// A restart does not change the age of keys.
func TestRestoredKeysGrowStaleInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, _, cfg := writeCache(t, edJWK("a", newEd(t)))
		time.Sleep(20 * time.Hour)
		set := newSetIn(t, dir, issuer.Options{}, cfg)
		want(t, only(t, set), "a", "EdDSA", nil)
		if age := only(t, set).Stats().Age; age != 20*time.Hour {
			t.Errorf("got age %s; expected %s", age, 20*time.Hour)
		}
		time.Sleep(4*time.Hour + time.Second)
		want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysStale)
	})
}

// A missing cache file, as at the first start, causes no warning.
func TestNoCacheFileYet(t *testing.T) {
	lines := &logs{}
	keys := newServer(t, edJWK("a", newEd(t)))
	newSetIn(t, t.TempDir(), issuer.Options{Logger: lines.logger()}, issuerAt(keys.URL))
	if lines.String() != "" {
		t.Errorf("the log says %s", lines)
	}
}

// A directory that cannot be written to affects the cache only.
func TestCacheDirThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		lines := &logs{}
		keys, dial := newPipeServer(t, edJWK("a", newEd(t)))
		cfg := issuerAt("http://keys.example/")
		cfg.JWKS.RefreshInterval = time.Minute
		i := only(t, startIn(t, dir, issuer.Options{Dial: dial, Logger: lines.logger()}, cfg))
		time.Sleep(5*time.Minute + time.Second)
		want(t, i, "a", "EdDSA", nil)
		if keys.fetches() < 6 || lines.count("writing keys to cache_dir failed") != 1 ||
			!strings.Contains(i.Stats().CacheError, "not a directory") {
			t.Errorf("%d fetches, cache error %q, log\n%s", keys.fetches(), i.Stats().CacheError, lines)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := i.Stats().CacheError; got != "" || lines.count("writing keys to cache_dir recovered") != 1 {
			t.Errorf("cache error %q, log\n%s", got, lines)
		}
	})
}

// A key that the issuer no longer publishes must not come back after a restart, not
// even if its removal was not confirmed yet.
func TestLeavingKeyIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, other := newEd(t), newEd(t)
		keys, dial := newPipeServer(t, edJWK("a", a), edJWK("b", other))
		cfg := issuerAt("http://keys.example/")
		set := startIn(t, dir, issuer.Options{Dial: dial}, cfg)
		i := only(t, set)
		i.Verified("a", "EdDSA")
		keys.publish(t, edJWK("b", other))
		want(t, i, "x", "EdDSA", issuer.ErrKeyUnknown)
		want(t, i, "a", "EdDSA", nil)
		set.Close()
		again := only(t, newSetIn(t, dir, issuer.Options{}, cfg))
		want(t, again, "b", "EdDSA", nil)
		if again.Holds("a", "EdDSA", a) {
			t.Error("the withdrawn key came back")
		}
	})
}
