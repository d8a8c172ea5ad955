package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// alone removes the variables for jwtgate and AWS from the environment, until the test
// ends.
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

// outcome is the result of one command line.
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

// holds checks the exit code and the texts that the two streams must contain. A stream
// without texts must be empty.
func (o outcome) holds(t *testing.T, code int, out, err []string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for stream, texts := range map[string][]string{o.out: out, o.err: err} {
		for _, text := range texts {
			if !strings.Contains(stream, text) {
				t.Errorf("%q is missing in:\n%s", text, stream)
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

// publicYAML serves without an issuer, on ports that the system chooses.
const publicYAML = `server: {listen: 127.0.0.1:0, drain_delay: 0s}
admin: {listen: 127.0.0.1:0}
default: deny
routes: [{name: open, match: /open, access: public}]
`

// served is a `jwtgate serve` that runs in this process.
type served struct {
	log           *testutil.Log
	listen, admin string
	cancel        context.CancelFunc
	ended         chan struct{}
	code          int // its exit code; set before ended is closed
}

// begin runs `jwtgate serve` with these arguments until the test ends.
func begin(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{log: testutil.NewLog(), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.code = run(ctx, append([]string{"serve"}, args...), console{out: io.Discard, err: s.log, getenv: os.LookupEnv})
	}()
	t.Cleanup(func() { s.stop(t) })
	return s
}

// serve runs `jwtgate serve`, and waits until it listens.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	s := begin(t, args...)
	line := s.wait(t, "jwtgate "+thisBuild().Version)
	s.listen, s.admin = line["listen"].(string), line["admin"].(string)
	return s
}

// wait returns the first log line with this message.
func (s *served) wait(t *testing.T, msg string) map[string]any {
	t.Helper()
	return s.log.Wait(t, s.ended, msg)
}

// stop ends it as a signal does, and returns the exit code.
func (s *served) stop(t *testing.T) int {
	t.Helper()
	s.cancel()
	select {
	case <-s.ended:
		return s.code
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end:\n%s", s.log)
		return 0
	}
}

// ask sends an authorization request to a server, and returns the answer.
func ask(t *testing.T, address, path string) *authv3.CheckResponse {
	t.Helper()
	conn, err := grpc.NewClient(target(address), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answer, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Host: "api.example", Path: path,
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
