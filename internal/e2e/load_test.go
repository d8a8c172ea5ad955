package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// question is one request of a load and what is right for it.
type question struct {
	kind string // for the figures
	call call
	want string // STATUS REASON, without a reason where it is allowed
	user string // x-user-id at the application, of an allowed request; empty: none
	// right tells whether an answer is, where that depends on when it was asked
	// for; nil: if it is what is wanted.
	right func(answer string, asked time.Time) bool
}

// reply is what came back for it.
type reply struct {
	verdict
	reached bool   // the application answered
	users   string // each x-user-id that the application received
}

// load sends requests at a fixed rate, without waiting for answers, so that slow answers do
// not hide later delays. If the machine cannot keep up, it skips requests instead of
// queueing them.
type load struct {
	next    func(n int) question // asked for one after the other
	http    http.Client
	address string

	stopped chan struct{}
	group   sync.WaitGroup
	waiting chan struct{} // one place for each request under way

	sent, failed, wrong atomic.Int64
	pauses              atomic.Int64 // how often all places were taken

	mu       sync.Mutex
	kinds    map[string]int // sent, by kind
	examples []string       // of what went wrong
	slowest  time.Duration
}

// mostUnderWay is the maximum number of requests without an answer: more than wait while a
// replica hangs, and few enough for a busy machine to answer in time.
const mostUnderWay = 250

// startLoad sends a number of requests a second to Envoy until it is stopped, or the test
// ends.
func startLoad(t *testing.T, envoy *envoyProxy, perSecond int, next func(n int) question) *load {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: mostUnderWay, DisableCompression: true}
	l := &load{
		next: next, address: envoy.address, http: http.Client{Transport: transport, Timeout: clientTimeout},
		stopped: make(chan struct{}), waiting: make(chan struct{}, mostUnderWay), kinds: map[string]int{},
	}
	l.group.Go(func() { l.run(time.Second / time.Duration(perSecond)) })
	t.Cleanup(func() { l.stop(); transport.CloseIdleConnections() })
	return l
}

func (l *load) run(every time.Duration) {
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	due := time.Now()
	for n := 0; ; {
		select {
		case <-l.stopped:
			return
		case now := <-tick.C:
			for ; !due.After(now); due, n = due.Add(every), n+1 {
				select {
				case l.waiting <- struct{}{}:
				default:
					l.pauses.Add(1)
					l.waiting <- struct{}{}
					due, now = time.Now(), time.Now()
				}
				q := l.next(n)
				l.group.Go(func() {
					l.put(q)
					<-l.waiting
				})
			}
		}
	}
}

// put sends one request and judges the answer.
func (l *load) put(q question) {
	asked := time.Now()
	got, err := l.ask(q.call)
	l.sent.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[q.kind]++
	l.slowest = max(l.slowest, time.Since(asked))
	if wrong := q.judge(got, asked); err == nil && wrong == nil {
		return
	} else if err == nil {
		err = wrong
	}
	// Who is refused for an outage has lost a request; all else is a decision.
	if got.status == 0 || got.status >= 500 {
		l.failed.Add(1)
	} else {
		l.wrong.Add(1)
	}
	if len(l.examples) < 10 {
		l.examples = append(l.examples, fmt.Sprintf("%s (%s) at %s: %v", q.kind, q.call.line, asked.Format("15:04:05.000"), err))
	}
}

// judge returns nil if the answer is right.
func (q question) judge(got reply, asked time.Time) error {
	answered := got.String()
	right := answered == q.want
	if q.right != nil {
		right = q.right(answered, asked)
	}
	wantUser := ""
	if got.status == http.StatusOK {
		wantUser = q.user
	}
	switch {
	case !right:
		return fmt.Errorf("answered %q after %v, want %q", answered, got.took.Round(time.Millisecond), q.want)
	case got.reached != (got.status == http.StatusOK):
		return fmt.Errorf("answered %q, and the application was reached: %v", answered, got.reached)
	case got.users != wantUser:
		return fmt.Errorf("the application received x-user-id %q, want %q", got.users, wantUser)
	}
	return nil
}

func (l *load) ask(c call) (got reply, err error) {
	method, path, _ := strings.Cut(c.line, " ")
	request, err := http.NewRequestWithContext(context.Background(), method, "http://"+l.address+path, nil)
	if err != nil {
		return got, err
	}
	for _, header := range c.headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	began := time.Now()
	response, err := l.http.Do(request)
	if err != nil {
		return got, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return got, err
	}
	got.status, got.took = response.StatusCode, time.Since(began)
	got.reached, got.users = response.Header.Get("X-Reached") != "", response.Header.Get("X-Users")
	if got.status != http.StatusOK {
		var p problem
		if err := json.Unmarshal(body, &p); err != nil {
			return got, fmt.Errorf("got %d %q, want a problem document", got.status, body)
		}
		got.reason = p.Reason
	}
	return got, nil
}

// stop stops the load and waits for the requests under way; a second stop does nothing.
func (l *load) stop() {
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
	l.group.Wait()
}

// figures returns the number of requests by kind.
func (l *load) figures() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(l.kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, l.kinds[kind]))
	}
	return strings.Join(kinds, ", ")
}

// lostNone fails the test if a request failed or was decided wrongly.
func (l *load) lostNone(t *testing.T) {
	t.Helper()
	if failed, wrong := l.failed.Load(), l.wrong.Load(); failed != 0 || wrong != 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		t.Errorf("of %d requests %d failed and %d were decided wrongly, want 0 and 0:\n\t%s", l.sent.Load(), failed, wrong,
			strings.Join(l.examples, "\n\t"))
	}
}

// startMirror runs an application that returns the identity from the gate and records
// nothing, until the test ends.
func startMirror(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Reached", "yes")
		w.Header().Set("X-Users", strings.Join(r.Header.Values("X-User-Id"), "|"))
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends when the test does
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return listener.Addr().String()
}
