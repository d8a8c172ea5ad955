package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// The limits for clients of the admin server.
const (
	// maxConnections is far more than probes, Prometheus and operators need. It
	// leaves most of the process's file descriptors (1,024 on many systems) to the
	// gRPC port.
	maxConnections = 256
	// silenceTimeout is how long a connection is kept while no complete request
	// header arrives, before its first request and after it.
	silenceTimeout = 5 * time.Second
)

// Readiness is the content of /readyz.
type Readiness struct {
	Ready   bool   `json:"ready"`
	Detail  string `json:"detail,omitempty"`
	Replica string `json:"replica"`
	Config  string `json:"config"` // hex SHA-256 of the live config
	// Refused has one line for each watched file whose current contents were
	// rejected, with the reason.
	Refused string `json:"refused,omitempty"`
}

// Views are the functions that the admin server calls for its pages. Their results
// are encoded as JSON.
type Views struct {
	Ready   func() Readiness
	Issuers func() any
	// Decision returns a recent decision by its id, or false if it is not in memory.
	Decision func(id string) (any, bool)
}

// Admin is the HTTP server for operators and probes: /livez, /readyz, /metrics,
// /issuers and /decisions/ID. It is read-only. It serves a request only if its Host
// is an IP address, a loopback name or a configured name; otherwise it answers 421.
// Create one with [NewAdmin].
type Admin struct {
	server *http.Server
}

// NewAdmin returns a server for m and views. named reports whether a host name, in
// lower case and without port and final dot, is configured; nil means that none is.
// It is not called for IP addresses and loopback names.
func NewAdmin(m *Metrics, views Views, named func(host string) bool) *Admin {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]bool{"live": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		state := views.Ready()
		status := http.StatusOK
		if !state.Ready {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, state)
	})
	mux.HandleFunc("GET /issuers", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, views.Issuers())
	})
	mux.HandleFunc("GET /decisions/{id}", func(w http.ResponseWriter, r *http.Request) {
		decision, known := views.Decision(r.PathValue("id"))
		if !known {
			writeJSON(w, http.StatusNotFound, map[string]string{"error": "decision not found; this server keeps only recent decisions in memory"})
			return
		}
		writeJSON(w, http.StatusOK, decision)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return &Admin{server: &http.Server{
		Handler:           allowHosts(mux, named),
		ReadHeaderTimeout: silenceTimeout,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       silenceTimeout,
		MaxHeaderBytes:    16 << 10,
		// Otherwise net/http answers OPTIONS * itself, without the check of Host.
		DisableGeneralOptionsHandler: true,
	}}
}

// Serve serves the listener until [Admin.Shutdown] or an error of the listener. It
// holds at most 256 connections; further ones wait until one is closed. Connections
// without requests are closed after 5 seconds.
func (a *Admin) Serve(listener net.Listener) error {
	if err := a.server.Serve(netutil.LimitListener(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown closes the listener and waits for the requests in progress until ctx
// ends; then it closes their connections.
func (a *Admin) Shutdown(ctx context.Context) {
	if err := a.server.Shutdown(ctx); err != nil {
		_ = a.server.Close()
	}
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // it fails only if the client has disconnected
}
