package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// application is the application behind Envoy. It has no authorization of its own: it
// answers and records every request.
type application struct {
	address string // host:port, for HTTP/1.1, HTTP/2 and gRPC alike

	programs.Requests
}

// received is one request as the application received it.
type received = programs.Received

// startApplication serves until the test ends.
func startApplication(t *testing.T) *application {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &application{address: listener.Addr().String()}
	calls := grpc.NewServer()
	healthpb.RegisterHealthServer(calls, grpcApplication{application: a})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Protocols: protocols,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
				calls.ServeHTTP(w, r)
			case r.Header.Get("Upgrade") == "websocket":
				a.Add(r, "")
				upgrade(w)
			case r.URL.Path == "/stream":
				a.Add(r, "")
				streamEvents(w, r)
			default:
				body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
				a.Add(r, string(body))
				if r.URL.Path == "/cors" {
					w.Header().Set("Access-Control-Allow-Origin", "https://application.example")
				}
				if r.URL.Path == "/cached" {
					w.Header().Set("Cache-Control", "public, max-age=60")
				}
				w.Header().Set("X-Application", "yes")
				fmt.Fprintf(w, "application: %s %s\n", r.Method, r.URL.Path)
			}
		}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends when the test does
	}()
	t.Cleanup(func() {
		_ = server.Close()
		calls.Stop()
		<-done
	})
	return a
}

// take returns what the application received since the last take.
func (a *application) take() []received { return a.Take() }

// only returns the one request that the application received since the last
// take, and fails the test if there is none or more than one.
func (a *application) only(t *testing.T) received {
	t.Helper()
	return a.Only(t)
}

// upgrade switches to a protocol that echoes every line.
func upgrade(w http.ResponseWriter) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_ = buffered.Flush()
	for {
		line, err := buffered.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = buffered.WriteString("echo " + line)
		_ = buffered.Flush()
	}
}

// tick is the interval of the messages on the application's streams.
const tick = 50 * time.Millisecond

// streamEvents sends server-sent events until the client is gone.
func streamEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	every := time.NewTicker(tick)
	defer every.Stop()
	for {
		if _, err := io.WriteString(w, "data: tick\n\n"); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
	}
}

// grpcApplication is the application's one gRPC service.
type grpcApplication struct {
	healthpb.UnimplementedHealthServer
	application *application
}

func (g grpcApplication) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	g.remember(ctx, healthpb.Health_Check_FullMethodName)
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

// Watch sends messages until the client is gone.
func (g grpcApplication) Watch(_ *healthpb.HealthCheckRequest, to grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	g.remember(to.Context(), healthpb.Health_Watch_FullMethodName)
	every := time.NewTicker(tick)
	defer every.Stop()
	for {
		if err := to.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}); err != nil {
			return err
		}
		select {
		case <-to.Context().Done():
			return to.Context().Err()
		case <-every.C:
		}
	}
}

func (g grpcApplication) remember(ctx context.Context, method string) {
	fields, _ := metadata.FromIncomingContext(ctx)
	header := http.Header{}
	for name, values := range fields {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	g.application.AddReceived(received{Method: "POST", URI: method, Proto: "gRPC", Header: header})
}
