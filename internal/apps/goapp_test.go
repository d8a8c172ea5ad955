//go:build apps

package apps

import (
	"cmp"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"testing"
)

// rewriting is a reverse proxy as its documentation recommends it. The
// application behind it reads the Host header.
func rewriting(target *url.URL) (*httputil.ReverseProxy, bool) {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}}, false
}

// singleHost is a reverse proxy that leaves the client's X-Forwarded-* headers
// alone. The application behind it believes X-Forwarded-Host.
func singleHost(target *url.URL) (*httputil.ReverseProxy, bool) {
	return httputil.NewSingleHostReverseProxy(target), true
}

// startGo serves a Go application behind a reverse proxy, each with the defaults
// of net/http.
func startGo(proxy func(*url.URL) (*httputil.ReverseProxy, bool)) func(t *testing.T, record string) string {
	return func(t *testing.T, record string) string {
		t.Helper()
		backend := httptest.NewUnstartedServer(nil)
		target := &url.URL{Scheme: "http", Host: backend.Listener.Addr().String()}
		front, trusting := proxy(target)
		backend.Config.Handler = goRoutes(t, record, trusting)
		backend.Start()
		t.Cleanup(backend.Close)
		edge := httptest.NewServer(front)
		t.Cleanup(edge.Close)
		return edge.Listener.Addr().String()
	}
}

// goRoutes is the application's router.
func goRoutes(t *testing.T, record string, trusting bool) *http.ServeMux {
	t.Helper()
	out, err := os.OpenFile(record, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	var mu sync.Mutex
	handler := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			host := r.Host
			if trusting {
				host = cmp.Or(r.Header.Get("X-Forwarded-Host"), host)
			}
			if only, _, err := net.SplitHostPort(host); err == nil {
				host = only
			}
			line, err := json.Marshal(handlerRun{
				Probe: r.Header.Get("X-Probe"), Handler: name, User: cmp.Or(r.Header.Get("X-User-Id"), "nobody"),
				Groups: r.Header.Get("X-User-Groups"), Method: r.Method, Path: r.URL.Path, ID: r.PathValue("id"), Host: host,
			})
			if err == nil {
				mu.Lock()
				_, err = out.Write(append(line, '\n'))
				mu.Unlock()
			}
			if err != nil {
				t.Errorf("recording %s: %v", name, err)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(line)
		}
	}
	mux := http.NewServeMux()
	for pattern, name := range map[string]string{
		"GET /api/health": "health", "GET /api/activities/home": "home",
		"GET /api/admin/users": "admin-users", "/api/admin/report": "admin-report", "PUT /api/users/{id}/profile": "profile",
		"GET /posts/{id}": "post-read", "POST /posts/{id}": "post-write", "DELETE /posts/{id}": "post-delete",
		"GET /messages/{id}": "message-read", "DELETE /messages/{id}": "message-delete",
		"GET /tenant": "tenant", "GET /admin/{$}": "admin-home", "GET /{page}": "page",
	} {
		mux.HandleFunc(pattern, handler(name))
	}
	return mux
}
