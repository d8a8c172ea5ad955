//go:build browser

package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// startApplication serves the application behind Envoy until the test ends. It has no code
// for users, tokens or other origins: it records every request and answers it.
func startApplication(t *testing.T) (requests *programs.Requests, address string) {
	t.Helper()
	requests = &programs.Requests{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		requests.Add(r, string(body))
		fmt.Fprintf(w, "application: %s %s", r.Method, r.URL.Path)
	}))
	t.Cleanup(server.Close)
	return requests, server.Listener.Addr().String()
}

// startPages serves the files of a folder until the test ends, and returns its address.
func startPages(t *testing.T, folder string) string {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
