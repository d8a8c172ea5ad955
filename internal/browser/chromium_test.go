//go:build browser

package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// chromium is a running browser.
type chromium struct {
	driver *http.Client
	dir    string // of its files
}

// startChromium runs Chromium until the test ends, with an empty profile. hosts maps each
// host:port that pages may name to the one where it is; there is no other network.
func startChromium(t *testing.T, hosts map[string]string) *chromium {
	t.Helper()
	executable, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	var rules strings.Builder
	for named, address := range hosts {
		rules.WriteString("MAP " + named + " " + address + ",")
	}
	// Not t.TempDir: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "jwtgate-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "driver")
	cmd := exec.Command("node", "testdata/driver.cjs", socket, executable,
		"--disable-gpu", "--disable-quic", "--no-proxy-server", "--host-resolver-rules="+rules.String()+"MAP * ^NOTFOUND")
	cmd.Env = append(programs.Environment(), "NODE_PATH="+nodeModules, "TMPDIR="+dir) // of the profile
	p := programs.Start(t, "chromium", cmd)
	p.TerminateFirst(t) // so that it ends the browser
	c := &chromium{dir: dir, driver: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}}
	p.Eventually(t, 30*time.Second, "Chromium runs", func() error {
		conn, err := net.Dial("unix", socket) // the file exists before the driver listens
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	return c
}

// tab is one page of a browser.
type tab struct {
	chromium      *chromium
	context, name string
	options       map[string]any // of the context, if it is new
}

// tab opens a tab. Tabs of one context share their cookies, and no others.
func (c *chromium) tab(context, name string) tab {
	return tab{chromium: c, context: context, name: name}
}

// withoutScripts is tab for a context that runs no script of a page.
func (c *chromium) withoutScripts(context, name string) tab {
	return tab{c, context, name, map[string]any{"javaScriptEnabled": false}}
}

// try calls a method of Playwright's Page in the tab, and returns its result or error.
func (p tab) try(t *testing.T, method string, args ...any) (value any, failure string) {
	t.Helper()
	if args == nil {
		args = []any{}
	}
	call, err := json.Marshal(map[string]any{
		"context": p.context, "page": p.name, "options": p.options, "method": method, "args": args,
	})
	if err != nil {
		t.Fatal(err)
	}
	response, err := p.chromium.driver.Post("http://driver/", "application/json", bytes.NewReader(call))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var result struct {
		Value any
		Error string
	}
	if err := json.NewDecoder(response.Body).Decode(&result); err != nil {
		t.Fatal(err)
	}
	return result.Value, result.Error
}

// do is try, and fails the test if the call fails.
func (p tab) do(t *testing.T, method string, args ...any) any {
	t.Helper()
	value, failure := p.try(t, method, args...)
	if failure != "" {
		t.Fatalf("%s %v: %s", method, args, failure)
	}
	return value
}

// text returns the text of the one element of a selector.
func (p tab) text(t *testing.T, selector string) string {
	t.Helper()
	text, _ := p.do(t, "textContent", selector, map[string]any{"strict": true}).(string)
	return strings.TrimSpace(text)
}

// screenshot saves a picture of the whole page. `go test -artifacts` keeps it.
func (p tab) screenshot(t *testing.T, name string) {
	t.Helper()
	file := filepath.Join(t.ArtifactDir(), name+".png")
	p.do(t, "screenshot", map[string]any{"path": file, "fullPage": true})
}

// ports are those of all tests of this package.
var ports testutil.Ports

// freeAddress returns a loopback host:port that no program listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	return ports.FreeAddress(t)
}
