package issuer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jwtgate/jwtgate/internal/filewatch"
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
		want(t, i, "a", "EdDSA", nil) // before Start
		set.Start()
		synctest.Wait() // for the first read of the running set
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

// A pipe that replaces the file is rejected, and delays neither the next read nor
// Close. A symbolic link to a file, as Kubernetes creates it, is read.
func TestKeySetFileThatBecomesAPipe(t *testing.T) {
	pipe := testutil.NamedPipe(t, filepath.Join(t.TempDir(), "pipe")) // outside the bubble, whose clock would release it
	synctest.Test(t, func(t *testing.T) {
		cfg := issuerOf(t, document(t, edJWK("a", newEd(t))))
		set := start(t, issuer.Options{}, cfg)
		i := only(t, set)
		becomesPipe := func() {
			t.Helper()
			if err := os.Remove(cfg.JWKS.File); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(pipe, cfg.JWKS.File); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Minute)
			synctest.Wait()
			if stats := i.Stats(); stats.Failures == 0 || !strings.Contains(stats.LastError, filewatch.ErrIrregular.Error()) {
				t.Errorf("got %d failures, last error %q; expected the pipe to be rejected", stats.Failures, stats.LastError)
			}
		}
		becomesPipe()
		want(t, i, "a", "EdDSA", nil)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(issuerOf(t, document(t, edJWK("b", newEd(t)))).JWKS.File, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, cfg.JWKS.File); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		want(t, i, "b", "EdDSA", nil)
		becomesPipe()
		set.Close()
	})
}

// An unknown kid also causes the file to be read before the timer does.
func TestUnknownKIDReadsTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := issuerOf(t, document(t, edJWK("a", newEd(t))))
		i := only(t, start(t, issuer.Options{}, cfg))
		synctest.Wait()
		if err := os.WriteFile(cfg.JWKS.File, []byte(document(t, edJWK("b", newEd(t)))), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, i, "b", "EdDSA", nil)
		want(t, i, "c", "EdDSA", issuer.ErrKeyUnknown)
	})
}
