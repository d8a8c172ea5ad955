package testutil_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestNamedPipe: a reader that waits for the pipe reads nothing, and goes on when the test
// that made the pipe has ended.
func TestNamedPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	t.Run("maker", func(t *testing.T) {
		testutil.NamedPipe(t, name)
		go func() {
			text, err := os.ReadFile(name)
			read <- result{text, err}
		}()
		if info, err := os.Lstat(name); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Errorf("%v, %v", info, err)
		}
	})
	if got := <-read; len(got.text) > 0 || got.err != nil && !os.IsNotExist(got.err) {
		t.Errorf("read %q, %v", got.text, got.err)
	}
}
