package load_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/jwtgate/jwtgate/internal/bench/load"
)

// bytesCodec passes messages on without decoding them.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// startGRPC serves /test.Service/Call with grpc-go on loopback until the test
// ends. answer answers the calls.
func startGRPC(t *testing.T, answer func([]byte) ([]byte, error), options ...grpc.ServerOption) string {
	t.Helper()
	server := grpc.NewServer(append(options, grpc.ForceServerCodecV2(bytesCodec{}))...)
	handler := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var message []byte
		if err := decode(&message); err != nil {
			return nil, err
		}
		return answer(message)
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Service", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Call", Handler: handler}},
	}, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func spec(address string) load.Spec {
	return load.Spec{
		Network: "tcp", Address: address, Connections: 2, InFlight: 8, Sample: 1,
		Fields: []load.Field{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/test.Service/Call"},
			{Name: ":authority", Value: "test"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
		},
		Message:  func(to []byte, n uint64) []byte { return strconv.AppendUint(to, n, 10) },
		Validate: echoed,
	}
}

// echoed expects the number of the call in the answer.
func echoed(n uint64, a load.Answer) error {
	if a.Status != "200" || a.GRPCStatus != "0" {
		return fmt.Errorf("status %q, grpc-status %q", a.Status, a.GRPCStatus)
	}
	want := strconv.FormatUint(n, 10)
	if len(a.Body) < 5 || string(a.Body[5:]) != want {
		return fmt.Errorf("got %q, want %s", a.Body, want)
	}
	return nil
}

func echo(message []byte) ([]byte, error) { return message, nil }

// run measures until enough answers have arrived, and returns what was measured.
func run(t *testing.T, s load.Spec, enough uint64) load.Window {
	t.Helper()
	r, err := load.Begin(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Start()
	await(t, r, r.Answered()+enough)
	return r.Stop()
}

func await(t *testing.T, r *load.Run, enough uint64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); r.Answered() < enough; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d calls were answered: %v", r.Answered(), enough, r.Stop().Failure)
		}
	}
}

func TestAnswersBelongToTheirCalls(t *testing.T) {
	s := spec(startGRPC(t, echo))
	window := run(t, s, 5000)
	if window.Failed > 0 {
		t.Errorf("%d failed, the first one: %v", window.Failed, window.Failure)
	}
	// An answer is counted as answered just before it is measured, so each
	// connection may have one that was not measured yet.
	if window.Done < 5000-s.Connections || len(window.Latencies) != window.Done || window.Elapsed <= 0 {
		t.Errorf("%d answered, %d latencies in %v", window.Done, len(window.Latencies), window.Elapsed)
	}
}

func TestWrongAnswersAreFound(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer func([]byte) ([]byte, error)
		sample int
		want   string
	}{
		{"a gRPC error", func([]byte) ([]byte, error) { return nil, errors.New("no") }, 0, `grpc-status "2"`},
		{"another call's answer", func(m []byte) ([]byte, error) { return bytes.Repeat([]byte("8"), len(m)), nil }, 1, `want 0`},
		{"one answer of another length", func(m []byte) ([]byte, error) {
			if string(m) == "777" {
				return []byte("elsewhere"), nil
			}
			return m, nil
		}, 0, "call 777: "},
	} {
		s := spec(startGRPC(t, row.answer))
		s.Sample = row.sample
		window := run(t, s, 2000)
		if window.Failed == 0 || !strings.Contains(window.Failure.Error(), row.want) && row.sample == 0 {
			t.Errorf("%s: %d failed, %v", row.name, window.Failed, window.Failure)
		}
	}
}

func TestEachNumberIsSentOnce(t *testing.T) {
	const first = 1800
	for _, rate := range []float64{0, 20_000} {
		var mu sync.Mutex
		seen, missing := map[string]int{}, first
		complete := make(chan struct{}) // closed after each of the first numbers has arrived
		s := spec(startGRPC(t, func(m []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			seen[string(m)]++
			if n, err := strconv.Atoi(string(m)); err == nil && n < first && seen[string(m)] == 1 {
				if missing--; missing == 0 {
					close(complete)
				}
			}
			return m, nil
		}))
		s.Rate = rate
		r, err := load.Begin(s)
		if err != nil {
			t.Fatal(err)
		}
		r.Start()
		select {
		case <-complete:
		case <-time.After(10 * time.Second):
			t.Errorf("at rate %v some of the first %d numbers have not arrived", rate, first)
		}
		window := r.Stop()
		r.Close()
		if window.Failed > 0 {
			t.Fatal(window.Failure)
		}
		mu.Lock()
		for n, times := range seen {
			if times != 1 {
				t.Errorf("at rate %v number %s arrived %d times", rate, n, times)
			}
		}
		mu.Unlock()
	}
}

// The calls in flight are together larger than the connection's window.
func TestASmallWindow(t *testing.T) {
	for _, size := range []int{12_000, 16_000} {
		address := startGRPC(t, func(m []byte) ([]byte, error) {
			n, _, _ := bytes.Cut(m, []byte(" "))
			return n, nil
		}, grpc.InitialConnWindowSize(65_535), grpc.InitialWindowSize(65_535))
		s := spec(address)
		s.Message = func(to []byte, n uint64) []byte {
			return append(append(strconv.AppendUint(to, n, 10), ' '), make([]byte, size)...)
		}
		if window := run(t, s, 300); window.Failed > 0 || window.Done < 290 {
			t.Errorf("messages of %d bytes: %d answered, %d failed: %v", size, window.Done, window.Failed, window.Failure)
		}
	}
}

func TestAMessageThatIsTooLarge(t *testing.T) {
	s := spec(startGRPC(t, echo))
	s.Message = func(to []byte, _ uint64) []byte { return append(to, make([]byte, 16_380)...) }
	r, err := load.Begin(s)
	if err == nil {
		r.Close()
		t.Fatal("the message was sent")
	}
	if !strings.Contains(err.Error(), "a message has 16385 bytes; at most 16384 fit") {
		t.Error(err)
	}
}

// The server handles one call at a time, and does not answer the first one
// before fifty calls should have been sent.
func TestLatencyIncludesTheWaitToBeSent(t *testing.T) {
	var sent atomic.Pointer[load.Run]
	address := startGRPC(t, func(m []byte) ([]byte, error) {
		for string(m) == "0" {
			if r := sent.Load(); r != nil && r.Sent() >= 50 {
				break
			}
			runtime.Gosched()
		}
		return m, nil
	}, grpc.MaxConcurrentStreams(1))
	s := spec(address)
	s.Connections, s.Rate = 1, 1000
	r, err := load.Begin(s)
	if err != nil {
		t.Fatal(err)
	}
	r.Start()
	sent.Store(r)
	await(t, r, 60)
	window := r.Stop()
	r.Close()
	if window.Failed > 0 {
		t.Fatal(window.Failure)
	}
	delayed := 0
	for _, latency := range window.Latencies {
		if latency > 8*time.Millisecond {
			delayed++
		}
	}
	if delayed < 30 {
		t.Errorf("%d of %d latencies include the stall", delayed, len(window.Latencies))
	}
}

func TestCloseEndsEverything(t *testing.T) {
	for _, rate := range []float64{0, 1000} {
		s := spec(startGRPC(t, echo))
		s.Rate = rate
		before := runtime.NumGoroutine()
		r, err := load.Begin(s)
		if err != nil {
			t.Fatal(err)
		}
		r.Start()
		r.Close()
		sent := r.Sent()
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
			runtime.Gosched() // the server ends its side of the connections by itself
		}
		if now := runtime.NumGoroutine(); now > before {
			t.Errorf("%d goroutines before and %d after", before, now)
		}
		if r.Sent() != sent {
			t.Error("calls were sent after Close")
		}
		if w := r.Stop(); w.Failed > 0 {
			t.Errorf("calls that Close ended count as failed: %v", w.Failure)
		}
	}
}

// A server that closes the connection is reported as a failure.
func TestALostConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			peer, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = peer.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // empty settings
			_, _ = io.ReadFull(peer, make([]byte, 200))
			_ = peer.Close()
		}
	}()
	s := spec(listener.Addr().String())
	s.Connections = 1
	r, err := load.Begin(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for deadline := time.Now().Add(5 * time.Second); r.Stop().Failed == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the lost connection was not reported")
		}
	}
	if w := r.Stop(); !strings.Contains(w.Failure.Error(), "the connection ended") {
		t.Error(w.Failure)
	}
}

// Calls without a body, each with a different field, to the server of net/http.
func TestCallsWithDifferentFields(t *testing.T) {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("user-agent") != "same" || r.Method != http.MethodGet || r.URL.Path != "/orders" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("x-seen", strings.TrimPrefix(r.Header.Get("authorization"), "Bearer "))
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	window := run(t, load.Spec{
		Network: "tcp", Address: listener.Addr().String(), Connections: 2, InFlight: 4, Sample: 1, Echo: "x-seen",
		Fields: []load.Field{
			{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/orders"},
			{Name: ":authority", Value: "test"}, {Name: "user-agent", Value: "same"},
		},
		Extra: func(to []byte, n uint64) []byte {
			return append(to, load.Literal("authorization", fmt.Sprintf("Bearer %d", n))...)
		},
		Validate: func(n uint64, a load.Answer) error {
			if a.Status != "200" || a.Echo != strconv.FormatUint(n, 10) {
				return fmt.Errorf("status %q, seen %q", a.Status, a.Echo)
			}
			return nil
		},
	}, 2000)
	if window.Failed > 0 || window.Done < 1900 {
		t.Errorf("%d answered, %d failed: %v", window.Done, window.Failed, window.Failure)
	}
}
