//go:build !race

package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// trailerApplication is an HTTP/2 application that records the trailers of its requests.
type trailerApplication struct {
	address string

	mu   sync.Mutex
	seen []string // the names, in lower case and sorted, of the last request
}

func startTrailerApplication(t *testing.T) *trailerApplication {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &trailerApplication{address: listener.Addr().String()}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the trailers follow it
		seen := []string{}
		for name, values := range r.Trailer {
			if len(values) > 0 {
				seen = append(seen, strings.ToLower(name))
			}
		}
		slices.Sort(seen)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.seen = seen
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
	return a
}

// trailers sends a POST with trailers of these names over HTTP/2, and returns the
// names that reach the application, sorted.
func (a *trailerApplication) trailers(t *testing.T, through *envoyProxy, contentType string, names ...string) []string {
	t.Helper()
	a.mu.Lock()
	a.seen = nil
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	// A body of unknown length has trailers.
	body := io.MultiReader(strings.NewReader("body"))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+through.address+"/a.Service/Method", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Trailer = http.Header{}
	for _, name := range names {
		request.Trailer[name] = []string{"root"}
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, want 200", response.StatusCode)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen
}

// TestTrailersCarryNoIdentity: Envoy calls jwtgate after a request's headers, so that
// jwtgate never sees trailers, and Envoy removes identity and override names from them. All
// other trailers arrive.
func TestTrailersCarryNoIdentity(t *testing.T) {
	gate, application := startScriptedGate(t), startTrailerApplication(t)
	gate.says(allowing(&authv3.OkHttpResponse{}))
	forged := []string{
		"x-user-id", "x_user_id", "x.user.id", "x~user-roles",
		"x-http-method-override", "x.original.url", "x-forwarded-host", "forwarded", "script_name", "path-info",
	}
	others := []string{"grpc-other", "x-checksum", "x-forwarded-for", "x-user-agent"}
	sent := append(slices.Clone(forged), others...)
	const grpcRequest = "application/grpc" // Envoy speaks HTTP/2 to the application

	shipped := startShippedEnvoy(t, gate.address, application.address)
	if got := application.trailers(t, shipped, grpcRequest, sent...); !slices.Equal(got, others) {
		t.Errorf("the trailers %q arrive, want %q", got, others)
	}
	underscores := derivedEnvoy(t, gate.address, application.address, "DROP_HEADER", "ALLOW")
	if got := application.trailers(t, underscores, grpcRequest, append(sent, "x_other")...); !slices.Equal(got, append(others, "x_other")) {
		t.Errorf("where underscores pass the trailers %q arrive, want %q and x_other", got, others)
	}
	// The same requests without the filter, which shows that only the filter removed them.
	without := derivedEnvoy(t, gate.address, application.address, "DROP_HEADER", "ALLOW", trailersFilter(t), "")
	if got := application.trailers(t, without, grpcRequest, sent...); len(got) != len(sent) {
		t.Errorf("without the filter the trailers %q arrive, want all of %q", got, sent)
	}
	// Over HTTP/1.1 Envoy forwards no trailer to the application.
	if got := application.trailers(t, without, "text/plain", sent...); len(got) != 0 {
		t.Errorf("over HTTP/1.1 the trailers %q arrive", got)
	}
	for _, check := range gate.checks() {
		for _, field := range seenFields(check.GetAttributes().GetRequest().GetHttp().GetHeaderMap()) {
			if strings.HasSuffix(field, ": root") {
				t.Errorf("the gate was sent the trailer %q", field)
			}
		}
	}
}
