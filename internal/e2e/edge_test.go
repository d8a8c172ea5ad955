//go:build !race

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// TestTheEdgeRejects: the shipped Envoy answers these requests itself.
func TestTheEdgeRejects(t *testing.T) {
	s := startScripted(t)
	for _, path := range []string{"/a%2fb", "/a%2Fb", "/a%5cb", "/a/..%2fadmin", "/a#b"} {
		s.gate.says(allowing(&authv3.OkHttpResponse{}))
		got := http1(t, s.shipped.address, call{line: "GET " + path})
		if asked := len(s.gate.checks()); got.Status != http.StatusBadRequest || asked != 0 {
			t.Errorf("%s: status %d, and the gate was asked %d times; want 400 at once", path, got.Status, asked)
		}
	}
	if reached := s.application.take(); len(reached) != 0 {
		t.Errorf("the application received %v", reached)
	}
}

// TestTheEdgeDropsHeaders: headers that clients must not send do not arrive, and the
// request does.
func TestTheEdgeDropsHeaders(t *testing.T) {
	s := startScripted(t)
	var named []string // another method, URL or host
	for _, name := range overrides() {
		named = append(named, name+": /admin", strings.ReplaceAll(name, "-", ".")+": /admin")
	}
	http1(t, s.shipped.address, call{line: "GET //a/./b/../c", headers: append(named,
		"x_other: underscores", "SCRIPT_NAME: /admin", "x-kept: kept", "x-kept-too: kept",
		"x-envoy-auth-failure-mode-allowed: true", "x-envoy-original-path: /admin", "x-envoy-upstream-rq-timeout-ms: 1",
		"x-envoy-upstream-stream-duration-ms: 1", "x-envoy-downstream-service-cluster: ops", "x-forwarded-client-cert: By=me",
		"x-request-id: chosen-by-the-client", "x-forwarded-for: 192.0.2.7",
		"connection: x-kept", "x-real-ip: 192.0.2.7",
	)})
	got := s.application.only(t)
	if got.URI != "/a/c" {
		t.Errorf("the path is %q, want /a/c", got.URI)
	}
	kept := []string{"x-envoy-external-address", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "x-kept-too"}
	for name, values := range got.Header {
		switch folded := strings.ToLower(name); {
		case slices.Contains(kept, folded):
		case strings.HasPrefix(folded, "x"), strings.HasPrefix(folded, "script"), strings.HasPrefix(folded, "path"), folded == "forwarded":
			t.Errorf("received %s: %q", name, values)
		}
	}
	if got.Header.Get("X-Kept-Too") != "kept" {
		t.Error("a header that means nothing here was dropped")
	}
	if id := got.Header.Get("X-Request-Id"); id == "" || id == "chosen-by-the-client" {
		t.Errorf("x-request-id is %q, want Envoy's own", id)
	}
	// For a peer on loopback Envoy writes the machine's own address.
	if chain := got.Header.Get("X-Forwarded-For"); !strings.HasPrefix(chain, "192.0.2.7,") {
		t.Errorf("x-forwarded-for is %q, want the peer's address after the client's value", chain)
	}
}

// TestTheEdgeSetsNoTimeout: with a route timeout Envoy would send it to the application,
// and end streams.
func TestTheEdgeSetsNoTimeout(t *testing.T) {
	s := startScripted(t)
	http1(t, s.shipped.address, call{line: "GET /events"})
	if limit, there := s.application.only(t).Header["X-Envoy-Expected-Rq-Timeout-Ms"]; there {
		t.Errorf("the request has a time limit of %s ms", limit)
	}
	if err := callGRPC(t, s.shipped.address); err != nil {
		t.Fatal(err)
	}
	if limit, there := s.application.only(t).Header["X-Envoy-Expected-Rq-Timeout-Ms"]; there {
		t.Errorf("the call has a time limit of %s ms", limit)
	}
}
