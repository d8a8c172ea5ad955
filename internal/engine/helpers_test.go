package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/engine"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/telemetry"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// openRoute and otherRoute are two configurations that differ in one route.
const (
	openRoute  = "routes: [{name: open, match: /open, access: public}]\ndefault: deny\n"
	otherRoute = "routes: [{name: other, match: /other, access: public}]\ndefault: deny\n"
)

// Messages of the log.
const (
	reloaded = "configuration reloaded"
	failed   = "configuration reload failed; keeping the previous version"
)

// running is an engine that runs.
type running struct {
	*engine.Engine
	log    *testutil.Log
	reload chan os.Signal
}

// keysTimeout bounds how long a test waits for keys.
const keysTimeout = 20 * time.Second

// open makes an engine that does not run yet.
func open(t *testing.T, source engine.Source, log *testutil.Log, candidate string) (*engine.Engine, error) {
	t.Helper()
	logger := slog.New(telemetry.NewHandler(log, slog.LevelInfo))
	source.Getenv = func(string) (string, bool) { return "", false }
	source.Options.Logger = logger
	live, err := engine.Open(source, logger)
	if err != nil {
		return nil, err
	}
	return engine.New(t.Context(), live, engine.Config{
		Replica: "replica", CandidateFile: candidate, Logger: logger, Metrics: telemetry.NewMetrics(telemetry.Build{}),
	})
}

// start runs an engine until the test ends.
func start(t *testing.T, source engine.Source, candidate string) *running {
	t.Helper()
	r := &running{log: testutil.NewLog(), reload: make(chan os.Signal, 1)}
	var err error
	if r.Engine, err = open(t, source, r.log, candidate); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx, r.reload)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		r.Close()
	})
	return r
}

// reason decides a request without a token, and returns the reason.
func (r *running) reason(t *testing.T, path string) gate.Reason {
	t.Helper()
	return r.Gate.Decide(t.Context(), &request.Request{Method: "GET", Authority: "api.example", Target: path}).Reason
}

// wait returns the first log line with this message.
func (r *running) wait(t *testing.T, msg string) map[string]any {
	t.Helper()
	return r.log.Wait(t, nil, msg)
}

// until waits until a condition is true.
func (r *running) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	r.log.Until(t, nil, what, condition)
}

// ready returns what /readyz shows.
func (r *running) ready() telemetry.Readiness { return r.Views().Ready() }

// metrics returns what /metrics shows.
func (r *running) metrics(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := telemetry.NewAdmin(r.Metrics, r.Views(), nil)
	served := make(chan error, 1)
	go func() { served <- admin.Serve(listener) }()
	answer, err := http.Get("http://" + listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	admin.Shutdown(t.Context())
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// lacks returns the wanted lines that the metrics lack.
func (r *running) lacks(t *testing.T, want ...string) (missing []string) {
	t.Helper()
	metrics := r.metrics(t)
	for _, line := range want {
		if !strings.Contains(metrics, line+"\n") {
			missing = append(missing, line)
		}
	}
	return missing
}
