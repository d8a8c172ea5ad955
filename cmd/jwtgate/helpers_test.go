package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// alone takes out of the environment what the machine has set there for
// jwtgate or for AWS.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range append(config.EnvironmentVariables(),
		"JWTGATE_CONFIG", "JWTGATE_LISTEN", "JWTGATE_ADMIN_LISTEN", "JWTGATE_LOG_LEVEL") {
		t.Setenv(name, "") // remembers what it was
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

// outcome is what one command line came to.
type outcome struct {
	code     int
	out, err string
}

// command runs one command line to its end.
func command(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, console{in: strings.NewReader(""), out: &out, err: &err, getenv: os.LookupEnv})
	return outcome{code, out.String(), err.String()}
}

// holds checks an exit code, and texts that the two streams must hold; a stream
// without one must be empty.
func (o outcome) holds(t *testing.T, code int, out, err []string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for stream, texts := range map[string][]string{o.out: out, o.err: err} {
		for _, text := range texts {
			if !strings.Contains(stream, text) {
				t.Errorf("there is no %q in:\n%s", text, stream)
			}
		}
		if len(texts) == 0 && stream != "" {
			t.Errorf("unexpected:\n%s", stream)
		}
	}
	if strings.Contains(o.err, "goroutine ") {
		t.Errorf("a stack trace:\n%s", o.err)
	}
}

// write writes a file into a directory of the test's own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// publicYAML serves without an issuer, on ports that the system chooses.
const publicYAML = `server: {listen: 127.0.0.1:0, drain_delay: 0s}
admin: {listen: 127.0.0.1:0}
default: deny
routes: [{name: open, match: /open, access: public}]
`

// tail is a stream of JSON lines that a test waits on.
type tail struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newTail() *tail { return &tail{changed: make(chan struct{})} }

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(p)
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines returns the log lines with this message so far.
func (l *tail) lines(t *testing.T, msg string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q is no JSON line", text)
		}
		if line["msg"] == msg {
			found = append(found, line)
		}
	}
	return found
}

// served is a `jwtgate serve` that runs in this process.
type served struct {
	log           *tail
	listen, admin string
	cancel        context.CancelFunc
	hangup        chan os.Signal
	ended         chan int // holds the exit code once it has ended
}

// serve runs `jwtgate serve` with these arguments until it listens.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	return serveBy(t, nil, args...)
}

// serveBy is serve with another way to compile configurations.
func serveBy(t *testing.T, compile func(*config.Config, gate.CompileOptions) (*gate.Policy, error), args ...string) *served {
	t.Helper()
	s := beginBy(t, compile, args...)
	line := s.wait(t, "jwtgate "+version)
	s.listen, s.admin = line["listen"].(string), line["admin"].(string)
	return s
}

// begin runs `jwtgate serve`, which may not come to listen.
func begin(t *testing.T, args ...string) *served {
	t.Helper()
	return beginBy(t, nil, args...)
}

func beginBy(t *testing.T, compile func(*config.Config, gate.CompileOptions) (*gate.Policy, error), args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{log: newTail(), cancel: cancel, hangup: make(chan os.Signal, 1), ended: make(chan int, 1)}
	go func() {
		s.ended <- run(ctx, append([]string{"serve"}, args...), console{
			out: io.Discard, err: s.log, getenv: os.LookupEnv, hangup: func() <-chan os.Signal { return s.hangup }, compile: compile,
		})
	}()
	t.Cleanup(func() { s.stop(t) })
	return s
}

// wait returns the first log line with this message.
func (s *served) wait(t *testing.T, msg string) map[string]any {
	t.Helper()
	s.until(t, msg, func() bool { return len(s.log.lines(t, msg)) > 0 })
	return s.log.lines(t, msg)[0]
}

// until waits for something that it says.
func (s *served) until(t *testing.T, what string, said func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for ended := false; ; {
		s.log.mu.Lock()
		changed := s.log.changed
		s.log.mu.Unlock()
		switch {
		case said():
			return
		case ended:
			t.Fatalf("it ended and never said %q:\n%s", what, s.log)
		}
		select {
		case <-changed:
		case code := <-s.ended:
			s.ended <- code
			ended = true
		case <-limit:
			t.Fatalf("it does not say %q:\n%s", what, s.log)
		}
	}
}

// stop ends it as a signal does, and returns the exit code.
func (s *served) stop(t *testing.T) int {
	t.Helper()
	s.cancel()
	select {
	case code := <-s.ended:
		s.ended <- code
		return code
	case <-time.After(20 * time.Second):
		t.Fatalf("it did not end:\n%s", s.log)
		return 0
	}
}

// get returns what the admin server says.
func (s *served) get(t *testing.T, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + s.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// startIDP returns a server of issuers on loopback.
func startIDP(t *testing.T) *devidp.Server {
	t.Helper()
	idp, err := devidp.Start(devidp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	return idp
}

func addIssuer(t *testing.T, idp *devidp.Server, name string, c devidp.IssuerConfig) *devidp.Issuer {
	t.Helper()
	i, err := idp.Add(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// compiled compiles a configuration.
func compiled(t *testing.T, cfg *config.Config) *gate.Policy {
	t.Helper()
	policy, err := gate.Compile(cfg, gate.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return policy
}
