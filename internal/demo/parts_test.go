package demo_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/demo"
)

// part decodes one part of a token.
func part(t *testing.T, token string, n int) map[string]any {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(data, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestPortsAreLoopback(t *testing.T) {
	// Make sure that one port is in use.
	if l, err := net.Listen("tcp", "127.0.0.1:9003"); err == nil {
		defer func() { _ = l.Close() }()
	}
	ports, moved, err := demo.Ports()
	if err != nil {
		t.Fatal(err)
	}
	shipped := map[string]string{
		"envoy": "8080", "envoyAdmin": "9901", "gate": "9001", "gateAdmin": "9002", "app": "9090", "issuer": "9003",
	}
	used := map[netip.AddrPort]string{}
	for part, address := range ports {
		bind, err := netip.ParseAddrPort(address)
		if err != nil || !bind.Addr().IsLoopback() {
			t.Errorf("%s listens on %q; expected a loopback address", part, address)
		}
		if other := used[bind]; other != "" {
			t.Errorf("%s and %s both listen on %s", part, other, address)
		}
		used[bind] = part
		port := strconv.Itoa(int(bind.Port()))
		if said := strings.Contains(moved, " listens on "+port+" instead of "+shipped[part]); said != (port != shipped[part]) {
			t.Errorf("%s listens on %s instead of %s, and the line for the user is %q", part, port, shipped[part], moved)
		}
	}
	if !strings.HasPrefix(moved, "Ports in use: ") || strings.Contains(moved, "\n") {
		t.Errorf("the text for the user is %q; expected one line", moved)
	}
	if ports["issuer"] == "127.0.0.1:9003" {
		t.Error("the issuer has a port that is in use")
	}
}

func TestChildrenEndWithTheDemo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self, "parent", t.TempDir())
	pid, err := strconv.Atoi(startAndReadLine(t, parent))
	if err != nil || gone(pid) {
		t.Fatalf("process %d is not running (%v)", pid, err)
	}
	if err := parent.Process.Kill(); err != nil { // so that it cannot clean up
		t.Fatal(err)
	}
	_ = parent.Wait()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); !gone(pid); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("process %d outlives its parent", pid)
		}
	}
}

func TestAChildThatDoesNotGetReady(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child, err := demo.StartChild("child", t.TempDir(), self, "block")
	if err != nil {
		t.Fatal(err)
	}
	no := func(context.Context) error { return errors.New("not yet") }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := child.Ready(ctx, no); err == nil || !strings.Contains(err.Error(), "child is not ready in time: not yet\n") {
		t.Errorf("in time: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := child.Ready(ctx, no); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "log") {
		t.Errorf("cancelled: got %v; expected only the context's error", err)
	}
	child.Kill()
	if !gone(child.PID()) {
		t.Errorf("process %d was not killed", child.PID())
	}
}

func TestFindEnvoy(t *testing.T) {
	tree := t.TempDir()
	place := func(mode os.FileMode, parts ...string) string {
		path := filepath.Join(append([]string{tree}, parts...)...)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	setUp := place(0o700, "checkout", ".tools", "envoy", "bin", "envoy")
	onPath := place(0o700, "bin", "envoy")
	place(0o600, "text", "envoy")
	for _, row := range []struct {
		name string
		dirs []string
		path string
		want string
		err  error
	}{
		{"set up by make", []string{filepath.Join(tree, "checkout")}, filepath.Dir(onPath), setUp, nil},
		{"set up by make, elsewhere", []string{tree, filepath.Join(tree, "checkout")}, filepath.Dir(onPath), setUp, nil},
		{"on PATH", []string{tree}, "/nonexistent:" + filepath.Dir(onPath), onPath, nil},
		{"a file that is not executable", []string{tree}, filepath.Join(tree, "text") + ":" + filepath.Dir(onPath), onPath, nil},
		{"the working directory by PATH", []string{tree}, "bin::.", "", demo.ErrNoEnvoy},
		{"nowhere", []string{tree}, "", "", demo.ErrNoEnvoy},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := demo.FindEnvoy(row.dirs, func(name string) (string, bool) { return row.path, name == "PATH" })
			if got != row.want || !errors.Is(err, row.err) {
				t.Errorf("%q, %v, want %q, %v", got, err, row.want, row.err)
			}
		})
	}
}

func TestApplicationAnswersWithTheHeaders(t *testing.T) {
	const address = "127.0.0.1:0"
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	app, err := demo.StartApplication(free)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := demo.StartApplication(free); err == nil || !strings.Contains(err.Error(), "start the application") {
		t.Errorf("a second application on that port: %v", err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+free+"/api/x?tour=7", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["X_User_Id"] = []string{"a", "<b>"}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"application": "received PUT /api/x"`, `"x_user_id": "a, <b>"`, `"host": "` + free + `"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s is missing in %s", want, body)
		}
	}
	got, ok := app.Take("7")
	// net/http changes X_User_Id to this spelling.
	if !ok || strings.Join(got["X_user_id"], " ") != "a <b>" {
		t.Errorf("received under the tour's ID: %v, %v", got, ok)
	}
	if _, ok := app.Take("7"); ok {
		t.Error("take did not remove the headers")
	}
}

func TestIdentityInEverySpelling(t *testing.T) {
	got := demo.IdentityOf(http.Header{
		"X-User-Id": {"1", "2"}, "X_user_name": {"3"}, "X.User.Email": {"4"}, "X-Userland": {"5"}, "User-Agent": {"6"},
	})
	want := map[string]string{"x-user-id": "1, 2", "x_user_name": "3", "x.user.email": "4"}
	if !maps.Equal(got, want) {
		t.Errorf("identity %v, want %v", got, want)
	}
}

func TestReadableByABrowser(t *testing.T) {
	const page = "http://localhost:3000"
	readable := map[string]string{
		"Access-Control-Allow-Origin": page, "Access-Control-Expose-Headers": "retry-after, WWW-Authenticate", "WWW-Authenticate": "Bearer",
	}
	for _, row := range []struct {
		name, header, value string
		origin              string
		want                bool
	}{
		{"all of it", "", "", page, true},
		{"no origin", "", "", "", false},
		{"another page", "", "", "http://localhost:3001", false},
		{"no allowed origin", "Access-Control-Allow-Origin", "", page, false},
		{"the challenge is not exposed", "Access-Control-Expose-Headers", "retry-after", page, false},
		{"no challenge", "WWW-Authenticate", "", page, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			response := &http.Response{Header: http.Header{}}
			for name, value := range readable {
				response.Header.Set(name, value)
			}
			if row.header != "" {
				response.Header.Set(row.header, row.value)
			}
			if got := demo.Readable(response, row.origin); got != row.want {
				t.Errorf("readable: %v, want %v", got, row.want)
			}
		})
	}
}

func TestLoadCountsRefusedCalls(t *testing.T) {
	app, base := application(t)
	event := make(chan struct{}, 1)
	got, err := demo.RunLoad(t.Context(), base, "/", app, 30, time.Millisecond, func() error {
		event <- struct{}{}
		return nil
	})
	if err != nil || got.Calls != 30 || got.Refused != 0 || len(event) != 1 {
		t.Errorf("got %+v, %d events, error %v; expected 30 calls, none refused, one event", got, len(event), err)
	}
	gone := errors.New("no key today")
	if _, err := demo.RunLoad(t.Context(), base, "/", app, 3, time.Millisecond, func() error { return gone }); !errors.Is(err, gone) {
		t.Errorf("an event that fails: %v, want %v", err, gone)
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	none := func() error { return nil }
	got, err = demo.RunLoad(t.Context(), base, "/", app, 5, time.Millisecond, none)
	if err != nil || got.Calls != 5 || got.Refused != 5 ||
		!strings.Contains(got.First, "no response: ") || !strings.Contains(got.First, "refused") {
		t.Errorf("without the application: got %+v, error %v; expected 5 refused calls", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := demo.RunLoad(ctx, base, "/", app, 5, time.Hour, none); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// application starts the sample application on a free port; the test closes it.
func application(t *testing.T) (*demo.Application, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	app, err := demo.StartApplication(address)
	if err != nil {
		t.Fatal(err)
	}
	return app, "http://" + address
}

func TestLines(t *testing.T) {
	var plain, colored bytes.Buffer
	demo.PrintSteps(&plain, false)
	want := "Signed out  GET /\n" +
		"  ✓ no token                                  200  nobody, a note\n" +
		"  ✗ x-user-id: root                           expected 200, the application sees nobody\n" +
		"                                              but got  200, the application sees x-user-client: 3v5exampleclient, " +
		"x-user-groups: editors, x-user-id: a1b2c3d4, x-user-issuer: cruddur, x-user-kind: user, x-user-name: andrewbrown, " +
		"x-user-scopes: aws.cognito.signin.user.admin\n"
	if plain.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", &plain, want)
	}
	demo.PrintSteps(&colored, true)
	if !strings.Contains(colored.String(), "\x1b[32m✓\x1b[0m") || !strings.Contains(colored.String(), "\x1b[31m✗\x1b[0m") {
		t.Errorf("printed %q, want marks in green and red", colored.String())
	}
}

func TestQuotedForAShell(t *testing.T) {
	for word, want := range map[string]string{
		"":           `''`,
		"cruddur":    `cruddur`,
		"/a.b/c-d_1": `/a.b/c-d_1`,
		"my issuer":  `'my issuer'`,
		"it's":       `'it'\''s'`,
		"$(reboot)":  `'$(reboot)'`,
	} {
		got := demo.Quoted(word)
		if got != want {
			t.Errorf("%q is written %s, want %s", word, got, want)
		}
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+got).Output()
		if err != nil || string(out) != word {
			t.Errorf("a shell reads %s as %q (%v), want %q", got, out, err, word)
		}
	}
}
