package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// caller is a client that keeps its connections, for tests that make many
// calls. It may be used by any number of goroutines.
type caller struct {
	scheme  string
	address string
	http    http.Client
}

func newCaller(t *testing.T, envoy *envoyProxy) *caller {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{scheme: "http", address: envoy.address, http: http.Client{Transport: transport, Timeout: clientTimeout}}
}

// verdict is the part of an answer that tests of many calls compare.
type verdict struct {
	status     int
	reason     string // of a denial
	retryAfter string
	took       time.Duration
}

func (v verdict) String() string { return fmt.Sprintf("%d %s", v.status, v.reason) }

// get sends one request with a token. It reports a request without an answer by t.Error,
// since it may run on another goroutine.
func (c *caller) get(t *testing.T, path, token string) verdict {
	t.Helper()
	return c.ask(t, call{line: "GET " + path, headers: []string{bearer(token)}})
}

// ask sends one request without a body, as get does.
func (c *caller) ask(t *testing.T, one call) verdict {
	t.Helper()
	method, path, _ := strings.Cut(one.line, " ")
	request, err := http.NewRequest(method, c.scheme+"://"+c.address+path, nil)
	if err != nil {
		t.Error(err)
		return verdict{}
	}
	for _, header := range one.headers {
		if name, value, _ := strings.Cut(header, ": "); name == "host" {
			request.Host = value
		} else {
			request.Header.Add(name, value)
		}
	}
	began := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		t.Errorf("%s: %v", one.line, err)
		return verdict{}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("%s: reading the answer: %v", one.line, err)
		return verdict{}
	}
	got := verdict{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After"), took: time.Since(began)}
	if got.status != http.StatusOK {
		var p problem
		if err := json.Unmarshal(body, &p); err != nil {
			t.Errorf("%s: got %d %q, want a problem document", one.line, got.status, body)
		}
		got.reason = p.Reason
	}
	return got
}

// traffic is valid requests during a change of keys. The gate must deny none of them.
type traffic struct {
	stopped chan struct{}
	group   sync.WaitGroup

	mu   sync.Mutex
	took []time.Duration
}

// startTraffic sends requests one after the other, at an interval, until it is stopped or
// the test ends. next returns the token of each.
func startTraffic(t *testing.T, c *caller, every time.Duration, next func() string) *traffic {
	t.Helper()
	tr := &traffic{stopped: make(chan struct{})}
	tr.group.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		refused := 0
		for {
			select {
			case <-tr.stopped:
				return
			case <-tick.C:
			}
			got := c.get(t, "/", next())
			if got.status != http.StatusOK {
				if refused++; refused <= 5 {
					t.Errorf("a proper request is answered %v", got)
				}
			}
			tr.mu.Lock()
			tr.took = append(tr.took, got.took)
			tr.mu.Unlock()
		}
	})
	t.Cleanup(func() { tr.stop() })
	return tr
}

// lap returns how long each request took since the last lap.
func (tr *traffic) lap() times {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	took := tr.took
	tr.took = nil
	return took
}

// sent returns the number of requests in this lap.
func (tr *traffic) sent() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.took)
}

// stop ends the traffic; a second stop does nothing.
func (tr *traffic) stop() {
	select {
	case <-tr.stopped:
	default:
		close(tr.stopped)
	}
	tr.group.Wait()
}

// times are how long some requests took.
type times []time.Duration

// percentile returns the time that this percentage of the requests did not exceed.
func (t times) percentile(n int) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[(len(sorted)-1)*n/100]
}

// always returns the same token for each request.
func always(token string) func() string { return func() string { return token } }
