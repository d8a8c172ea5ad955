package issuer_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/issuer"
)

// kept runs an issuer once so that its keys are in a cache directory, and
// returns that, the file in it, and the issuer's config, whose server is down.
func kept(t *testing.T, keys ...jwk) (dir, name string, cfg config.Issuer, s *server) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "made", "on", "demand")
	s = newServer(t, keys...)
	cfg = issuerAt(s.URL)
	set := startIn(t, dir, issuer.Options{}, cfg)
	eventually(t, 5*time.Second, "the keys are on disk", func() bool {
		found, err := filepath.Glob(filepath.Join(dir, "keys-main-*.json"))
		if err == nil && len(found) == 1 {
			name = found[0]
		}
		return name != ""
	})
	set.Close()
	s.status(http.StatusServiceUnavailable)
	return dir, name, cfg, s
}

func TestRestartDuringAnOutage(t *testing.T) {
	a := newEd(t)
	dir, _, cfg, s := kept(t, edJWK("a", a), edJWK("enc", newEd(t)).with("use", "enc"))
	t.Run("without cache_dir", func(t *testing.T) {
		set := start(t, issuer.Options{}, cfg)
		want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysUnavailable)
	})
	t.Run("with cache_dir", func(t *testing.T) {
		lines := &logs{}
		set := newSetIn(t, dir, issuer.Options{Logger: lines.logger()}, cfg)
		if key := want(t, only(t, set), "a", "EdDSA", nil); !a.Equal(key) {
			t.Error("another key was restored")
		}
		if !set.Healthy() || !set.Ready() || lines.count("keys restored", `"from":"cache_dir"`, `"a"`) != 1 {
			t.Errorf("healthy %v, ready %v, log\n%s", set.Healthy(), set.Ready(), lines)
		}
		before := s.fetches()
		set.Start()
		eventually(t, 5*time.Second, "a fetch is tried at once all the same", func() bool { return s.fetches() > before })
		want(t, only(t, set), "b", "EdDSA", issuer.ErrKeyPending) // the cache says nothing of other kids
		s.publish(t, edJWK("b", newEd(t)))
		eventually(t, 5*time.Second, "the issuer's word replaces the cache's", func() bool {
			_, err := only(t, set).Key(t.Context(), "b", "EdDSA")
			return err == nil && !only(t, set).Holds("a", "EdDSA", a)
		})
	})
}

func TestCacheFileIsOurs(t *testing.T) {
	_, name, cfg, _ := kept(t, edJWK("a", newEd(t)))
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
		t.Errorf("beside it lie %v (%v)", rest, err)
	}
}

// Each row is a cache file that must not be used: a warning, and a start
// without keys.
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
			dir, name, cfg, _ := kept(t, edJWK("a", newEd(t)))
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
	}
}

// Restored keys are as old as they were: a restart does not make them young.
func TestRestoredKeysGrowStaleInTime(t *testing.T) {
	dir, _, cfg, _ := kept(t, edJWK("a", newEd(t)))
	clock := time.Now()
	now := func() time.Time { return clock }
	clock = clock.Add(20 * time.Hour)
	set := newSetIn(t, dir, issuer.Options{Now: now}, cfg)
	want(t, only(t, set), "a", "EdDSA", nil)
	if age := only(t, set).Stats().Age; age < 20*time.Hour || age > 20*time.Hour+time.Minute {
		t.Errorf("age %s", age)
	}
	clock = clock.Add(4 * time.Hour)
	want(t, only(t, set), "a", "EdDSA", issuer.ErrKeysStale)
}

// A first start has no cache file, and nothing to warn of.
func TestNoCacheFileYet(t *testing.T) {
	lines := &logs{}
	keys := newServer(t, edJWK("a", newEd(t)))
	newSetIn(t, t.TempDir(), issuer.Options{Logger: lines.logger()}, issuerAt(keys.URL))
	if lines.String() != "" {
		t.Errorf("the log says %s", lines)
	}
}

// A directory that cannot be written to costs nothing but the cache.
func TestCacheDirThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lines := &logs{}
	keys := newServer(t, edJWK("a", newEd(t)))
	cfg := issuerAt(keys.URL)
	cfg.JWKS.RefreshInterval = 10 * time.Millisecond
	i := only(t, startIn(t, dir, issuer.Options{Logger: lines.logger()}, cfg))
	eventually(t, 5*time.Second, "five fetches", func() bool { return keys.fetches() > 5 })
	want(t, i, "a", "EdDSA", nil)
	eventually(t, 5*time.Second, "the trouble is in the log", func() bool { return lines.count("writing keys to cache_dir failed") > 0 })
	if lines.count("writing keys to cache_dir failed") != 1 || !strings.Contains(i.Stats().CacheError, "not a directory") {
		t.Errorf("cache error %q, log\n%s", i.Stats().CacheError, lines)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the cache is written again", func() bool { return lines.count("writing keys to cache_dir recovered") == 1 })
	if got := i.Stats().CacheError; got != "" {
		t.Errorf("cache error %q", got)
	}
}

// A key that the issuer no longer names must not come back with a restart, not
// even while it waits to be confirmed.
func TestLeavingKeyIsNotKept(t *testing.T) {
	dir := t.TempDir()
	a, other := newEd(t), newEd(t)
	keys := newServer(t, edJWK("a", a), edJWK("b", other))
	cfg := issuerAt(keys.URL)
	cfg.JWKS.UnknownKIDCooldown = time.Millisecond
	set := startIn(t, dir, issuer.Options{}, cfg)
	i := only(t, set)
	i.Verified("a")
	keys.publish(t, edJWK("b", other))
	refused(t, i, "x")
	want(t, i, "a", "EdDSA", nil)
	set.Close()
	again := only(t, newSetIn(t, dir, issuer.Options{}, cfg))
	want(t, again, "b", "EdDSA", nil)
	if again.Holds("a", "EdDSA", a) {
		t.Error("the withdrawn key came back")
	}
}
