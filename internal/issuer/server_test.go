package issuer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// server is an issuer's key server that can be made to answer anything.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	answer   http.HandlerFunc
	requests []*http.Request
	at       []time.Time
}

// newServer starts a key server on loopback.
func newServer(t testing.TB, keys ...jwk) *server {
	t.Helper()
	s := &server{}
	s.publish(t, keys...)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.at = append(s.at, time.Now())
	answer := s.answer
	s.mu.Unlock()
	answer(w, r)
}

// publish makes the server answer with these keys.
func (s *server) publish(t testing.TB, keys ...jwk) {
	t.Helper()
	text := document(t, keys...)
	s.answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

// answers makes the server answer so from now on.
func (s *server) answers(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// status makes the server answer with a status and no keys.
func (s *server) status(code int, header ...string) {
	s.answers(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	})
}

// fetches is how many requests came so far.
func (s *server) fetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// times is when each request came.
func (s *server) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.at...)
}

func (s *server) lastRequest() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

// newPipeServer serves keys over a network of pipes, which makes no system
// call: inside a synctest bubble its time is the bubble's. dial reaches it.
func newPipeServer(t testing.TB, keys ...jwk) (s *server, dial func(context.Context, string, string) (net.Conn, error)) {
	t.Helper()
	s = &server{}
	s.publish(t, keys...)
	pipes := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	h := &http.Server{Handler: s}
	go func() { _ = h.Serve(pipes) }()
	t.Cleanup(func() { _ = h.Close() })
	return s, pipes.dial
}

// pipes is a listener whose connections are net.Pipe's.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
