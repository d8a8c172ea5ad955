package programs

import (
	"net/http"
	"sync"
	"testing"
)

// Received is one request as an application received it.
type Received struct {
	Method, URI, Host, Proto string
	Header                   http.Header
	Body                     string
}

// Requests are what an application received. The zero value is empty; it is safe for
// concurrent use.
type Requests struct {
	mu   sync.Mutex
	seen []Received
}

// Add records a request with a body that was read.
func (r *Requests) Add(q *http.Request, body string) {
	r.AddReceived(Received{
		Method: q.Method, URI: q.RequestURI, Host: q.Host, Proto: q.Proto, Header: q.Header.Clone(), Body: body,
	})
}

// AddReceived records a request of another form.
func (r *Requests) AddReceived(one Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, one)
}

// Take returns what the application received since the last Take.
func (r *Requests) Take() []Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// Only returns the one request that the application received since the last Take, and
// fails the test if there is none or more than one.
func (r *Requests) Only(t testing.TB) Received {
	t.Helper()
	seen := r.Take()
	if len(seen) != 1 {
		t.Fatalf("the application received %d requests, want 1: %+v", len(seen), seen)
	}
	return seen[0]
}
