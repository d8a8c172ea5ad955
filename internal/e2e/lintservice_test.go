//go:build !race

package e2e

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// lintServiceRows are about requests that fail when a replica does.
func lintServiceRows(t *testing.T) []lintRow {
	yes := allowing(&authv3.OkHttpResponse{})
	// The first attempt goes to a replica that stops, hangs, or is slow.
	goes := func(_ context.Context, asked int) (*authv3.CheckResponse, error) {
		if asked == 1 {
			return nil, grpcstatus.Error(codes.Unavailable, "going")
		}
		return yes, nil
	}
	hangs := func(ctx context.Context, asked int) (*authv3.CheckResponse, error) {
		if asked == 1 {
			<-ctx.Done()
			return nil, ctx.Err() // no answer at the moment of Envoy's timeout
		}
		return yes, nil
	}
	slow := func(ctx context.Context, _ int) (*authv3.CheckResponse, error) {
		wait(ctx, 120*time.Millisecond)
		return yes, nil
	}
	service := between(t, "              grpc_service:\n", routerFilter)
	policy := between(t, "                retry_policy:\n", routerFilter)
	lost := answered(http.StatusServiceUnavailable)
	closing := startClosingApplication(t, 1500*time.Millisecond)
	return []lintRow{
		{id: "http-service", open: refused,
			edits: []string{service, "              http_service: { server_uri: { uri: \"http://jwtgate\", cluster: jwtgate, timeout: 0.8s } }\n"}},
		{id: "google-grpc", scripted: true,
			edits: []string{"envoy_grpc: { cluster_name: jwtgate }", "google_grpc: { target_uri: \"127.0.0.1:65001\", stat_prefix: jwtgate }"},
			finish: func(_ *testing.T, w *lintFixture, file string) string {
				return strings.Replace(file, "127.0.0.1:65001", w.scripted.address, 1)
			}, open: doing(goes, lost)},
		{id: "grpc-timeout", scripted: true, edits: []string{"timeout: 0.8s # for all attempts together", "timeout: 0.2s"},
			further: []string{"per-try-timeout"}, open: doing(hangs, lost)},
		{id: "no-retry", scripted: true, edits: []string{policy, ""}, open: doing(goes, lost)},
		{id: "no-retry", name: "of one that stops", scripted: true,
			edits: []string{"refused-stream,unavailable,reset", "refused-stream,reset"}, open: doing(goes, lost)},
		{id: "per-try-timeout", name: "too long", scripted: true, edits: []string{"max_interval: 0.25s", "max_interval: 2s"},
			open: doing(hangs, lost)},
		{id: "per-try-timeout", name: "too short", scripted: true, edits: []string{", max_interval: 0.25s", ""}, open: doing(slow, lost)},
		{id: "retry-same-host", scripted: true, further: []string{"no-health-check"}, always: []string{"no-health-check"},
			also: []string{gateEndpoint, gateEndpoint + endpoint("65001"), healthChecks(t), ""}, finish: deadSecond,
			edits: []string{between(t, "                  retry_host_predicate:\n", "                  host_selection"), ""},
			open:  losesOneOf(60)},
		{id: "retry-same-host", name: "few draws", scripted: true, further: []string{"no-health-check"}, always: []string{"no-health-check"},
			also: []string{gateEndpoint, gateEndpoint + endpoint("65001"), healthChecks(t), ""}, finish: deadSecond,
			edits: []string{"                  host_selection_retry_max_attempts: 50\n", ""},
			open:  losesOneOf(200)},
		{id: "keep-alive", scripted: true, edits: []string{keptAliveLine, strings.Replace(keptAliveLine, "idle_timeout: 1s", "", 1)},
			finish: func(_ *testing.T, w *lintFixture, file string) string {
				return strings.ReplaceAll(file, "port_value: "+port(w.application.address), "port_value: "+port(closing.address))
			},
			open: func(t *testing.T, _ *lintFixture, p *envoyProxy) bool {
				return closing.aroundTheClosing(t, p.address, 2) > 0
			}},
		{id: "max-retries", scripted: true, edits: []string{", max_retries: 1000", ""},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				const calls = 12
				w.scripted.does(func(ctx context.Context) (*authv3.CheckResponse, error) {
					if len(w.scripted.checks()) <= calls { // all first attempts go to a replica that stops
						until(ctx, func() bool { return len(w.scripted.checks()) >= calls })
						return nil, grpcstatus.Error(codes.Unavailable, "going")
					}
					wait(ctx, 150*time.Millisecond)
					return yes, nil
				})
				var group sync.WaitGroup
				answers := make([]int, calls)
				for i := range calls {
					group.Go(func() { answers[i] = http1(t, p.address, call{line: "GET /"}).Status })
				}
				group.Wait()
				for _, status := range answers {
					if status != http.StatusOK {
						return true
					}
				}
				return false
			}},
		{id: "with-request-body", scripted: true,
			edits: []string{authzOption, authzOption + "              with_request_body: { max_request_bytes: 1024 }\n"},
			open: func(t *testing.T, w *lintFixture, p *envoyProxy) bool {
				body := strings.Repeat("a", 2000)
				return http1(t, p.address,
					call{line: "POST /", headers: []string{"content-length: 2000"}, body: body}).Status == http.StatusRequestEntityTooLarge
			}},
	}
}

// deadSecond gives the gate's second replica an address where nothing listens, without
// health checks.
func deadSecond(t *testing.T, _ *lintFixture, file string) string {
	return strings.Replace(file, "port_value: 65001", "port_value: "+port(freeAddress(t)), 1)
}

// losesOneOf observes whether one of a number of requests gets no answer from the gate.
func losesOneOf(requests int) observation {
	return func(t *testing.T, _ *lintFixture, p *envoyProxy) bool {
		for range requests {
			if http1(t, p.address, call{line: "GET /"}).Status != http.StatusOK {
				return true
			}
		}
		return false
	}
}

// wait waits for a time, or until the context ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// until waits until a condition holds, for at most 200 ms.
func until(ctx context.Context, so func() bool) {
	for range 40 {
		if so() {
			return
		}
		wait(ctx, 5*time.Millisecond)
	}
}

// endpoint returns another endpoint.
func endpoint(port string) string {
	return "        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: " + port + " } } }\n"
}

func healthChecks(t *testing.T) string {
	t.Helper()
	return between(t, "    health_checks:\n", "    common_lb_config:")
}
