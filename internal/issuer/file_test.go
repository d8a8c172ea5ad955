package issuer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/issuer"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

func TestKeySetFileIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := issuerOf(t, document(t, edJWK("a", newEd(t))))
		cfg.JWKS.UnknownKIDCooldown = time.Hour
		lines := &logs{}
		set := newSet(t, issuer.Options{Logger: lines.logger()}, cfg)
		i := only(t, set)
		want(t, i, "a", "EdDSA", nil) // before anything runs
		set.Start()
		synctest.Wait() // the first read is of the file as it is
		rewrite := func(content string) {
			if err := os.WriteFile(cfg.JWKS.File, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Minute)
			synctest.Wait()
		}
		rewrite(document(t, edJWK("b", newEd(t))))
		want(t, i, "b", "EdDSA", nil)
		rewrite("{}")
		want(t, i, "b", "EdDSA", nil)
		if lines.count("WARN", "key fetch failed") != 1 {
			t.Errorf("the log says\n%s", lines)
		}
		if got := i.Stats().Source; got != "file:"+cfg.JWKS.File {
			t.Errorf("source %q", got)
		}
	})
}

// A pipe that comes in the file's place is refused, and holds up neither the next
// file nor Close. A link to a file, as Kubernetes mounts it, is read.
func TestKeySetFileThatBecomesAPipe(t *testing.T) {
	fresh := newEd(t)
	cfg := issuerOf(t, document(t, edJWK("a", newEd(t))))
	cfg.JWKS.RefreshInterval = 20 * time.Millisecond
	set := start(t, issuer.Options{}, cfg)
	i := only(t, set)
	becomesPipe := func() {
		t.Helper()
		if err := os.Remove(cfg.JWKS.File); err != nil {
			t.Fatal(err)
		}
		testutil.NamedPipe(t, cfg.JWKS.File)
		eventually(t, 4*time.Second, "the pipe is refused", func() bool {
			stats := i.Stats()
			return stats.Failures > 0 && strings.Contains(stats.LastError, "is no regular file, and must be one")
		})
	}
	becomesPipe()
	want(t, i, "a", "EdDSA", nil)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(issuerOf(t, document(t, edJWK("b", fresh))).JWKS.File, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, cfg.JWKS.File); err != nil {
		t.Fatal(err)
	}
	comes(t, i, "b")
	becomesPipe()
	set.Close()
}

// An unknown kid makes the file be read, too: no waiting for the timer.
func TestUnknownKIDReadsTheFile(t *testing.T) {
	cfg := issuerOf(t, document(t, edJWK("a", newEd(t))))
	i := only(t, start(t, issuer.Options{}, cfg))
	if err := os.WriteFile(cfg.JWKS.File, []byte(document(t, edJWK("b", newEd(t)))), 0o600); err != nil {
		t.Fatal(err)
	}
	comes(t, i, "b")
	refused(t, i, "c")
}
