package issuer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

// server is an issuer's key server. Tests determine its responses.
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

// answers makes answer the server's handler.
func (s *server) answers(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// status makes the server answer with a status and an empty body.
func (s *server) status(code int, header ...string) {
	s.answers(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	})
}

// fetches returns how many requests the server received.
func (s *server) fetches() int { return len(s.received()) }

// received returns the requests that the server received.
func (s *server) received() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// times returns when the server received each request.
func (s *server) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.at)
}

func (s *server) lastRequest() *http.Request {
	requests := s.received()
	return requests[len(requests)-1]
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// newPipeServer serves keys over in-memory connections, so that it can be used
// inside a synctest bubble. dial connects to it, whatever the address is.
func newPipeServer(t testing.TB, keys ...jwk) (s *server, dial dialFunc) {
	t.Helper()
	s = &server{}
	s.publish(t, keys...)
	pipes := testutil.NewPipes()
	h := &http.Server{Handler: s}
	go func() { _ = h.Serve(pipes) }()
	t.Cleanup(func() { _ = h.Close() })
	return s, pipes.Dial
}
