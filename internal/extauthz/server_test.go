package extauthz_test

import (
	"context"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcmetadata "google.golang.org/grpc/metadata"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// A panic is a 503 and a log line, and the process continues. The gate is a real one whose
// clock panics once.
func TestPanicIsDenied(t *testing.T) {
	var fail atomic.Bool
	g := newGate(t, "default: deny\nroutes: [{match: /**, access: public}]\n", nil, func() time.Time {
		if fail.Swap(false) {
			panic("the clock stopped")
		}
		return time.Now()
	})
	f := &fixture{audit: &lines{}, logs: &lines{}}
	f.serve(t, extauthz.NewServer(g, observers(f.audit, telemetry.NewMetrics(telemetry.Build{})),
		slog.New(slog.NewJSONHandler(f.logs, nil)), nil, 1000))
	fail.Store(true)
	answer := f.ask(t, newRequest("GET", "/x", "content-type: application/grpc"))
	if got := reason(answer); got != "internal" || answer.GetStatus().GetCode() != 14 ||
		answer.GetDeniedResponse().GetStatus().GetCode() != 503 {
		t.Errorf("%s with %v", got, answer.GetStatus())
	}
	if body := answer.GetDeniedResponse().GetBody(); !strings.HasPrefix(body, "the gate failed; try again (internal, decision ") {
		t.Errorf("body %q", body)
	}
	logged := f.logs.all(t)
	if len(logged) != 1 || logged[0]["level"] != "ERROR" || logged[0]["panic"] != "the clock stopped" ||
		!strings.Contains(logged[0]["stack"].(string), "gate.go") {
		t.Errorf("logged %v", logged)
	}
	if recorded := f.audit.all(t); len(recorded) != 1 || recorded[0]["reason"] != "internal" || recorded[0]["path"] != "/x" {
		t.Errorf("recorded %v", recorded)
	}
	if got := reason(f.ask(t, newRequest("GET", "/x"))); got != "public" {
		t.Errorf("the next one: %s", got)
	}
}

// brokenWriter is a target for audit lines that panics.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { panic("no space left") }

// A failure to record a decision does not change the answer.
func TestFaultOfTheAuditLogIsLoudOnly(t *testing.T) {
	f := &fixture{logs: &lines{}}
	g := newGate(t, "default: deny\nroutes: [{match: /open, access: public}]\n", nil, nil)
	f.serve(t, extauthz.NewServer(g, observers(brokenWriter{}, telemetry.NewMetrics(telemetry.Build{})),
		slog.New(slog.NewJSONHandler(f.logs, nil)), nil, 1000))
	for path, want := range map[string]string{"/closed": "route_denied", "/open": "public"} {
		if got := reason(f.ask(t, newRequest("GET", path))); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	logged := f.logs.all(t)
	if len(logged) != 1 || logged[0]["level"] != "ERROR" || logged[0]["panic"] != "no space left" {
		t.Errorf("logged %v", logged)
	}
}

func TestReflectionIsOff(t *testing.T) {
	f := start(t)
	for _, version := range []string{"v1", "v1alpha"} {
		stream, err := f.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
			"/grpc.reflection."+version+".ServerReflection/ServerReflectionInfo")
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&healthpb.HealthCheckRequest{}); code(err) != "Unimplemented" {
			t.Errorf("%s: %v, want Unimplemented", version, err)
		}
	}
}

// noting is a gate that also sends the deadlines of its requests to a channel.
type noting struct {
	*gate.Gate
	deadlines chan time.Time
}

func (n noting) Decide(ctx context.Context, r *request.Request) *gate.Decision {
	deadline, _ := ctx.Deadline()
	n.deadlines <- deadline
	return n.Gate.Decide(ctx, r)
}

// The gRPC deadline is for all attempts together, and the metadata has the time for this
// attempt. When it has passed, Envoy has already retried.
func TestBudgetIsThatOfThisTry(t *testing.T) {
	n := noting{newGate(t, "default: deny\nroutes: [{match: /**, access: public}]\n", nil, nil), make(chan time.Time, 1)}
	f := &fixture{}
	f.serve(t, extauthz.NewServerFor(n))
	for name, row := range map[string]struct {
		metadata string
		whole    time.Duration
		want     time.Duration // 0: no deadline
	}{
		"of one try":             {"250", time.Hour, 250 * time.Millisecond},
		"of one try alone":       {"250", 0, 250 * time.Millisecond},
		"of all tries":           {"", time.Hour, time.Hour},
		"the shorter one":        {"7200000", time.Hour, time.Hour},
		"none":                   {"", 0, 0},
		"no number":              {"soon", time.Hour, time.Hour},
		"a negative number":      {"-5", time.Hour, time.Hour},
		"a number out of range":  {"99999999999999999999", time.Hour, time.Hour},
		"a fraction":             {"0.5", time.Hour, time.Hour},
		"no time at all":         {"0", time.Hour, time.Nanosecond},
		"the largest that is OK": {"2147483647", 0, math.MaxInt32 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			began := time.Now()
			if row.whole > 0 {
				ctx, cancel = context.WithTimeout(ctx, row.whole)
			}
			defer cancel()
			if row.metadata != "" {
				ctx = grpcmetadata.AppendToOutgoingContext(ctx, "x-envoy-expected-rq-timeout-ms", row.metadata)
			}
			answer, err := f.check.Check(ctx, newRequest("GET", "/x"))
			if err != nil || reason(answer) != "public" {
				t.Fatalf("%v, %v", answer, err)
			}
			got := <-n.deadlines
			if row.want == 0 {
				if !got.IsZero() {
					t.Errorf("deadline in %v, want none", got.Sub(began))
				}
				return
			}
			// The server's clock began at some time between the two calls.
			if earliest, latest := began.Add(row.want-10*time.Millisecond), time.Now().Add(row.want); got.Before(earliest) || got.After(latest) {
				t.Errorf("deadline %v after the call, want %v", got.Sub(began), row.want)
			}
		})
	}
}

// The deadline of an attempt does not end the request: it does not cancel the context.
func TestBudgetDoesNotCancel(t *testing.T) {
	ctx := grpcmetadata.NewIncomingContext(t.Context(), grpcmetadata.Pairs("x-envoy-expected-rq-timeout-ms", "1"))
	began := time.Now().Add(-time.Hour)
	limited := extauthz.WithBudget(ctx, began)
	if deadline, ok := limited.Deadline(); !ok || !deadline.Equal(began.Add(time.Millisecond)) {
		t.Errorf("deadline %v (%v)", deadline, ok)
	}
	if limited.Err() != nil {
		t.Errorf("the context ended: %v", limited.Err())
	}
}

func (f *fixture) healthOf(t *testing.T, service string) string {
	t.Helper()
	answer, err := f.health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		return code(err)
	}
	return answer.GetStatus().String()
}

func TestHealth(t *testing.T) {
	f := start(t)
	for _, step := range []struct {
		serving bool
		want    string
	}{{false, "NOT_SERVING"}, {true, "SERVING"}, {false, "NOT_SERVING"}, {true, "SERVING"}} {
		f.server.SetServing(step.serving)
		for _, service := range []string{"", "envoy.service.auth.v3.Authorization"} {
			if got := f.healthOf(t, service); got != step.want {
				t.Errorf("%q is %s, want %s", service, got, step.want)
			}
		}
	}
	if got := f.healthOf(t, "another.Service"); got != "NotFound" {
		t.Errorf("another service is %s", got)
	}
}

func TestHealthAtFirst(t *testing.T) {
	f := start(t)
	if got := f.healthOf(t, extauthz.ServiceName); got != "NOT_SERVING" {
		t.Errorf("%s before SetServing", got)
	}
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
		t.Errorf("a question before SetServing: %s", got)
	}
}

// Shutdown first sets the health, and answers all requests until the drain time is over.
func TestShutdownTellsEnvoyFirst(t *testing.T) {
	f := start(t)
	f.server.SetServing(true)
	watch, err := f.health.Watch(t.Context(), &healthpb.HealthCheckRequest{Service: extauthz.ServiceName})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watch.Recv(); err != nil || first.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", first, err)
	}
	limit, end := context.WithCancel(t.Context())
	defer end()
	done := make(chan struct{})
	go func() {
		f.server.Shutdown(limit, time.Hour)
		close(done)
	}()
	if next, err := watch.Recv(); err != nil || next.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("%v, %v", next, err)
	}
	f.server.SetServing(true) // too late
	if got := f.healthOf(t, ""); got != "NOT_SERVING" {
		t.Errorf("health is %s while it drains", got)
	}
	if got := reason(f.ask(t, newRequest("GET", "/open/x"))); got != "public" {
		t.Errorf("a question while it drains: %s", got)
	}
	select {
	case <-done:
		t.Error("Shutdown did not wait for the drain")
	default:
	}
	end()
	<-done
	if _, err := f.check.Check(t.Context(), newRequest("GET", "/open/x")); code(err) != "Unavailable" {
		t.Errorf("a question after it: %v", err)
	}
}

// blocking is a target for audit lines that blocks until it is released.
type blocking struct{ entered, release chan struct{} }

func (b blocking) Write(line []byte) (int, error) {
	close(b.entered)
	<-b.release
	return len(line), nil
}

// startBlocked starts a server with one request in flight, which is answered when release
// is closed.
func startBlocked(t *testing.T) (f *fixture, release chan struct{}, answered chan *authv3.CheckResponse) {
	t.Helper()
	b := blocking{make(chan struct{}), make(chan struct{})}
	f = &fixture{}
	f.serve(t, extauthz.NewServer(newGate(t, "default: deny\n", nil, nil), observers(b, telemetry.NewMetrics(telemetry.Build{})),
		slog.New(slog.DiscardHandler), nil, 1000))
	answered = make(chan *authv3.CheckResponse, 1)
	go func() {
		answer, _ := f.check.Check(context.Background(), newRequest("GET", "/x"))
		answered <- answer
	}()
	<-b.entered
	return f, b.release, answered
}

// Shutdown waits for the requests in flight until its context ends.
func TestShutdownAnswersWhatRuns(t *testing.T) {
	f, release, answered := startBlocked(t)
	done := make(chan struct{})
	began := time.Now()
	go func() {
		f.server.Shutdown(context.Background(), 20*time.Millisecond)
		close(done)
	}()
	for { // until it takes no more connections
		conn, err := net.Dial("tcp", f.address)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	if drained := time.Since(began); drained < 20*time.Millisecond {
		t.Errorf("the drain took %v", drained)
	}
	select {
	case <-done:
		t.Error("Shutdown did not wait for the question that was under way")
	default:
	}
	close(release)
	if answer := <-answered; reason(answer) != "route_denied" {
		t.Errorf("the question that was under way: %v", answer)
	}
	<-done
}

// Shutdown closes the connections of requests that do not end in time.
func TestShutdownEndsInTime(t *testing.T) {
	f, release, answered := startBlocked(t)
	defer close(release)
	f.server.Shutdown(ended(), time.Hour)
	if answer := <-answered; answer != nil {
		t.Errorf("an answer by a server that was stopped: %v", answer)
	}
}

// A signal can arrive before the server runs.
func TestServeAfterShutdown(t *testing.T) {
	server := extauthz.NewServerFor(newGate(t, "default: deny\n", nil, nil))
	server.Shutdown(t.Context(), 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(listener); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := listener.Accept(); err == nil {
		t.Error("the listener is open")
	}
}

// A listener that fails is an error.
func TestServeTellsOfAListenerThatFails(t *testing.T) {
	server := extauthz.NewServerFor(newGate(t, "default: deny\n", nil, nil))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(listener); err == nil {
		t.Error("no error")
	}
}

// Each decision is counted with its route, verdict and reason.
func TestDecisionsAreCounted(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	f := &fixture{}
	g := newGate(t, "default: deny\nroutes: [{name: open, match: /open, access: public}]\n", nil, nil)
	f.serve(t, extauthz.NewServer(g, observers(io.Discard, metrics), slog.New(slog.DiscardHandler), nil, 1000))
	for _, path := range []string{"/open", "/open", "/x", "//"} {
		f.ask(t, newRequest("GET", path))
	}
	text := scrape(t, metrics)
	for _, want := range []string{
		`jwtgate_checks_total{reason="public",route="open",verdict="allow"} 2`,
		`jwtgate_checks_total{reason="route_denied",route="default",verdict="deny"} 1`,
		`jwtgate_checks_total{reason="path_refused",route="none",verdict="deny"} 1`,
		`jwtgate_check_duration_seconds_count 4`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics have no line %s", want)
		}
	}
}
