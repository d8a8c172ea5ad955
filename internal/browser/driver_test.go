//go:build browser

package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestTabs: tabs of one context share their cookies, and no others.
func TestTabs(t *testing.T) {
	const page = "http://app.example/"
	c := startChromium(t, map[string]string{"app.example:80": startPages(t, "testdata/page")})
	one, two, other := c.tab("user", "1"), c.tab("user", "2"), c.tab("other", "1")
	for _, each := range []tab{one, two, other} {
		each.do(t, "goto", page)
	}
	one.do(t, "evaluate", `document.cookie = "shared=yes"`)
	for _, row := range []struct {
		name string
		tab  tab
		want string
	}{{"the same tab", one, "shared=yes"}, {"the same context", two, "shared=yes"}, {"another context", other, ""}} {
		if got := row.tab.do(t, "evaluate", "document.cookie"); got != row.want {
			t.Errorf("%s: the cookies are %q, want %q", row.name, got, row.want)
		}
	}
	if cookies, _ := c.tab("user", "").do(t, "cookies").([]any); len(cookies) != 1 {
		t.Errorf("the context has the cookies %v", cookies)
	}
}

// TestWithoutScripts: a context without scripts runs none, and another one does.
func TestWithoutScripts(t *testing.T) {
	c := startChromium(t, nil)
	for want, each := range map[string]tab{"": c.withoutScripts("none", "1"), "ran": c.tab("user", "1")} {
		each.do(t, "setContent", `<script>document.title = "ran"</script>`)
		if got := each.do(t, "title"); got != want {
			t.Errorf("%s: the title is %q, want %q", each.context, got, want)
		}
	}
}

// TestNoOtherNetwork: the browser reaches no address that the test does not name, whether
// or not a program listens there.
func TestNoOtherNetwork(t *testing.T) {
	pages := startPages(t, "testdata/page")
	c := startChromium(t, map[string]string{"app.example:80": pages})
	for _, url := range []string{"http://" + pages + "/", "http://app.example:81/", "https://example.com/"} {
		if _, failure := c.tab("user", url).try(t, "goto", url); !strings.Contains(failure, "net::ERR_NAME_NOT_RESOLVED") {
			t.Errorf("%s: %q", url, failure)
		}
	}
	if got := c.tab("user", "page").do(t, "goto", "http://app.example/"); got.(map[string]any)["status"] != 200.0 {
		t.Errorf("the named address: %v", got)
	}
}

// TestChromiumEndsWithTheTest: no process of the browser outlives the test, and no file.
func TestChromiumEndsWithTheTest(t *testing.T) {
	dir := ""
	t.Run("starter", func(t *testing.T) {
		c := startChromium(t, nil)
		c.tab("user", "page").do(t, "setContent", "<p>here")
		dir = c.dir
		if len(processes(t, dir)) < 2 {
			t.Errorf("the processes are %q", processes(t, dir))
		}
	})
	testutil.Eventually(t, 10*time.Second, "its processes end", func() error {
		if left := processes(t, dir); len(left) > 0 {
			return errLeft(left)
		}
		return nil
	})
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("its files: %v", err)
	}
}

// errLeft are command lines of processes that still run.
type errLeft []string

func (e errLeft) Error() string { return strings.Join(e, "\n") }

// processes returns the command lines that name a directory.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
