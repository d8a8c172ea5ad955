package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// caller is the client of the tour. It calls Envoy, and gets from the application
// what that received.
type caller struct {
	base  string // http://HOST:PORT of Envoy
	app   *application
	http  *http.Client
	calls atomic.Int64
}

func newCaller(base string, app *application) *caller {
	return &caller{base: base, app: app, http: &http.Client{
		// Use no proxy, since Envoy is on loopback.
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		Timeout:   5 * time.Second,
	}}
}

// call is one GET request.
type call struct {
	path   string
	header http.Header
}

// call sends the request and returns its outcome.
func (c *caller) call(ctx context.Context, one call) outcome {
	id := fmt.Sprint(c.calls.Add(1))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+one.path+"?tour="+id, nil)
	if err != nil {
		return outcome{failure: err.Error()}
	}
	// Not Header.Set, which would change the spelling of the names.
	for name, values := range one.header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		return outcome{failure: err.Error()}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return outcome{failure: err.Error()}
	}
	o := outcome{status: response.StatusCode, readable: readable(response, request.Header.Get("Origin"))}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") {
		var problem struct {
			Reason string `json:"reason"`
		}
		_ = json.Unmarshal(body, &problem) // an invalid body leaves the reason empty, which no step expects
		o.reason = problem.Reason
	}
	if received, ok := c.app.take(id); ok {
		o.reached = true
		o.identity = identityOf(received)
		o.token = received.Get("Authorization") != ""
	}
	return o
}

// readable reports whether a browser would let a page of origin read the status and
// the challenge of a denial (Fetch standard, "CORS check" and "CORS-safelisted
// response-header name").
func readable(response *http.Response, origin string) bool {
	if origin == "" || response.Header.Get("Access-Control-Allow-Origin") != origin {
		return false
	}
	exposed := strings.Split(strings.ToLower(response.Header.Get("Access-Control-Expose-Headers")), ",")
	return response.Header.Get("WWW-Authenticate") != "" &&
		slices.ContainsFunc(exposed, func(name string) bool { return strings.TrimSpace(name) == "www-authenticate" })
}

// load is a steady sequence of calls.
type load struct {
	calls    int
	interval time.Duration
	prepare  func() (call, error) // returns the next call
	want     outcome              // of each call; any other counts as refused
	event    func() error         // runs concurrently after a third of the calls
}

// loadResult is the result of a load.
type loadResult struct {
	calls   int
	refused int
	slowest time.Duration
	first   outcome // of the refused calls
}

// run makes the calls of a load. It starts one every interval, without waiting for
// the responses of earlier ones.
func (c *caller) run(ctx context.Context, l load) (loadResult, error) {
	var (
		result  loadResult
		mu      sync.Mutex // guards result
		pending sync.WaitGroup
		failed  = make(chan error, 1) // receives the result of event
	)
	tick := time.NewTicker(l.interval)
	defer tick.Stop()
	defer pending.Wait()
	for k := range l.calls {
		one, err := l.prepare()
		if err != nil {
			return loadResult{}, err
		}
		pending.Go(func() {
			began := time.Now()
			got := c.call(ctx, one)
			mu.Lock()
			defer mu.Unlock()
			result.calls++
			result.slowest = max(result.slowest, time.Since(began))
			if !got.equal(l.want) {
				if result.refused == 0 {
					result.first = got
				}
				result.refused++
			}
		})
		if k == l.calls/3 {
			pending.Go(func() { failed <- l.event() })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return loadResult{}, interrupted(ctx)
		}
	}
	pending.Wait()
	return result, <-failed
}
