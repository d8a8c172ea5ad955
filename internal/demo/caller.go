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

// caller is the client of the tour: it calls Envoy, and finds out from the
// application what that received.
type caller struct {
	base  string // http://HOST:PORT of Envoy
	app   *application
	http  *http.Client
	calls atomic.Int64
}

func newCaller(base string, app *application) *caller {
	return &caller{base: base, app: app, http: &http.Client{
		// On loopback, so without a proxy whatever the environment says.
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		Timeout:   5 * time.Second,
	}}
}

// call is one request: a GET, which all of the tour's are.
type call struct {
	path   string
	header http.Header
}

// call sends the request and returns what became of it.
func (c *caller) call(ctx context.Context, one call) outcome {
	id := fmt.Sprint(c.calls.Add(1))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+one.path+"?tour="+id, nil)
	if err != nil {
		return outcome{failure: err.Error()}
	}
	// As they are written: a header that is spelled oddly must arrive so.
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
		_ = json.Unmarshal(body, &problem) // a body that is none leaves the reason empty, which no step expects
		o.reason = problem.Reason
	}
	if received, ok := c.app.take(id); ok {
		o.reached = true
		o.identity = identityOf(received)
		o.token = received.Get("Authorization") != ""
	}
	return o
}

// readable says whether a browser would let a page of origin read a denial: its
// status, and the challenge that says what is missing (Fetch standard, "CORS
// check" and "CORS-safelisted response-header name").
func readable(response *http.Response, origin string) bool {
	if origin == "" || response.Header.Get("Access-Control-Allow-Origin") != origin {
		return false
	}
	exposed := strings.Split(strings.ToLower(response.Header.Get("Access-Control-Expose-Headers")), ",")
	return response.Header.Get("WWW-Authenticate") != "" &&
		slices.ContainsFunc(exposed, func(name string) bool { return strings.TrimSpace(name) == "www-authenticate" })
}

// tally is what became of many calls.
type tally struct {
	calls   int
	refused int
	slowest time.Duration
	first   outcome // of the refused ones
}

// steady makes n calls, one every interval whether or not earlier ones have
// come back, each with what prepare makes for it. After a third of them it
// lets event happen beside the calls. An outcome other than want is a refusal.
func (c *caller) steady(ctx context.Context, n int, interval time.Duration, prepare func() (call, error), want outcome, event func() error) (tally, error) {
	var (
		t       tally
		mu      sync.Mutex // guards t
		pending sync.WaitGroup
		failed  = make(chan error, 1) // what event returned
	)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	defer pending.Wait()
	for k := range n {
		one, err := prepare()
		if err != nil {
			return tally{}, err
		}
		pending.Go(func() {
			began := time.Now()
			got := c.call(ctx, one)
			mu.Lock()
			defer mu.Unlock()
			t.calls++
			t.slowest = max(t.slowest, time.Since(began))
			if !got.equal(want) {
				if t.refused == 0 {
					t.first = got
				}
				t.refused++
			}
		})
		if k == n/3 {
			pending.Go(func() { failed <- event() })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return tally{}, interrupted(ctx)
		}
	}
	pending.Wait()
	return t, <-failed
}
