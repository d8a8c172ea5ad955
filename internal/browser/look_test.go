//go:build browser

package browser

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the pictures of docs/images")

// look checks that a person can read and use a page, on a phone and on a screen, light and
// dark, and takes a picture of each. `go test -artifacts` keeps them.
func (p tab) look(t *testing.T, name string) {
	t.Helper()
	script := read(t, "testdata/readable.js")
	for _, width := range []int{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			p.view(t, width, scheme)
			if found, _ := p.do(t, "evaluate", script).([]any); len(found) > 0 {
				t.Errorf("%s, %d px, %s: %q", name, width, scheme, found)
			}
			p.screenshot(t, fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
	}
}

// view sets the width of the window and the colors.
func (p tab) view(t *testing.T, width int, scheme string) {
	t.Helper()
	p.do(t, "setViewportSize", map[string]int{"width": width, "height": 800})
	p.do(t, "emulateMedia", map[string]string{"colorScheme": scheme})
}

// picture writes the picture of a page that README shows, with -update only: no two
// machines have the same fonts. It always checks that there is one, of at most 200 KB.
func (p tab) picture(t *testing.T, name string) {
	t.Helper()
	const folder, most = "../../docs/images", 200_000
	file := filepath.Join(folder, name)
	if *update {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		p.view(t, 1000, "light")
		p.do(t, "screenshot", map[string]any{"path": file, "fullPage": true})
	}
	if info, err := os.Stat(file); err != nil || info.Size() > most {
		t.Errorf("%s: %v, %v; want at most %d bytes: run the test with -update", file, info, err, most)
	}
}
