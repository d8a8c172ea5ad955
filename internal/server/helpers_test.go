package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/server"
	"github.com/jwtgate/jwtgate/internal/telemetry"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// publicYAML serves without an issuer, on ports that the system chooses.
const publicYAML = `server: {listen: 127.0.0.1:0, drain_delay: 0s}
admin: {listen: 127.0.0.1:0}
default: deny
routes: [{name: open, match: /open, access: public}]
`

// environment returns a lookup of these variables.
func environment(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}
}

// running is a server that runs.
type running struct {
	log           *testutil.Log
	listen, admin string
	cancel        context.CancelFunc
	ended         chan struct{}
	err           error // of Run; set before ended is closed
}

// open makes a server that does not run yet. Defaults: no environment, and no audit lines
// on standard output.
func open(t *testing.T, c server.Config) (*server.Server, *testutil.Log, error) {
	t.Helper()
	log := testutil.NewLog()
	c.Stderr, c.Stdout, c.Build.Version = log, io.Discard, "test"
	if c.Getenv == nil {
		c.Getenv = environment(nil)
	}
	s, err := server.New(t.Context(), c)
	return s, log, err
}

// run runs a server until the test ends.
func run(t *testing.T, c server.Config) *running {
	t.Helper()
	s, log, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{log: log, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = s.Run(ctx)
	}()
	t.Cleanup(func() { r.stop(t) })
	if c.LogLevel <= slog.LevelInfo {
		line := r.wait(t, "jwtgate test")
		r.listen, r.admin = line["listen"].(string), line["admin"].(string)
	}
	return r
}

// serve runs a server with this configuration.
func serve(t *testing.T, text string) *running {
	t.Helper()
	return run(t, server.Config{ConfigFile: testutil.File(t, "jwtgate.yaml", text)})
}

// wait returns the first log line with this message.
func (r *running) wait(t *testing.T, msg string) map[string]any {
	t.Helper()
	return r.log.Wait(t, r.ended, msg)
}

// until waits until a condition is true.
func (r *running) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	r.log.Until(t, r.ended, what, condition)
}

// stop ends the server as a signal does.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case <-r.ended:
		if r.err != nil {
			t.Errorf("Run: %v", r.err)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("the server does not end:\n%s", r.log)
	}
}

// get returns the answer of the admin port. host is the name that it is asked by; empty:
// its address.
func (r *running) get(t *testing.T, path, host string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host, request.Close = host, true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// ask sends an authorization request to address, and returns the reason of the answer.
func ask(t *testing.T, address, path, token string) string {
	t.Helper()
	return askBy(t, insecure.NewCredentials(), address, path, token)
}

func askBy(t *testing.T, transport credentials.TransportCredentials, address, path, token string) string {
	t.Helper()
	if !strings.HasPrefix(address, "unix:") {
		address = "passthrough:///" + address
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answer, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Host: "api.example", Path: path, Headers: map[string]string{"authorization": token},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	metadata, _ := answer.GetDynamicMetadata().AsMap()["jwtgate"].(map[string]any)
	reason, _ := metadata["reason"].(string)
	return reason
}

func mint(t *testing.T, i *devidp.Issuer, claims map[string]any) string {
	t.Helper()
	token, err := i.Mint(claims, 0)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// readiness returns what /readyz shows.
func (r *running) readiness(t *testing.T) (status int, state telemetry.Readiness) {
	t.Helper()
	status, body := r.get(t, "/readyz", "")
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatal(err)
	}
	return status, state
}
