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

// Bounds of what clients of the admin server can hold.
const (
	// maxConnections is far more than probes, Prometheus and operators need, and
	// leaves most of the process's files (1,024 on many systems) to the gRPC port.
	maxConnections = 256
	// silenceTimeout is how long a connection is held on which no whole request
	// header arrives, before its first request as well as after it.
	silenceTimeout = 5 * time.Second
)

// Readiness is what /readyz tells.
type Readiness struct {
	Ready   bool   `json:"ready"`
	Detail  string `json:"detail,omitempty"`
	Replica string `json:"replica"`
	Config  string `json:"config"` // hex SHA-256 of the live config
	// Refused is why what is in a followed file is not in force, a line each; empty
	// when all is.
	Refused string `json:"refused,omitempty"`
}

// Views are what the admin server shows beside the metrics, each as it is at the
// time. What they return renders as JSON.
type Views struct {
	Ready   func() Readiness
	Issuers func() any
	// Decision finds a decision by its id, if it is still remembered.
	Decision func(id string) (any, bool)
}

// Admin is the HTTP server for operators and probes: /livez, /readyz, /metrics,
// /issuers and /decisions/ID. Everything on it is read only. It answers only
// requests whose Host is an IP address, a loopback name, or a name that it was
// given; a request with another Host, or without one, gets 421. Make one with
// [NewAdmin].
type Admin struct {
	server *http.Server
}

// NewAdmin returns a server that shows m and the views. named reports whether a
// host name, in lower case and without port and final dot, is one of the server's
// own; nil means none. IP addresses and loopback names are not passed to it.
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
			writeJSON(w, http.StatusNotFound, map[string]string{"error": "this server does not remember that decision"})
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
		// Otherwise the server answers OPTIONS * itself, whatever the Host is.
		DisableGeneralOptionsHandler: true,
	}}
}

// Serve answers on the listener until [Admin.Shutdown], or until the listener
// fails. It holds at most 256 connections; further ones wait until one is closed,
// which takes at most 5 seconds where no requests arrive on them.
func (a *Admin) Serve(listener net.Listener) error {
	if err := a.server.Serve(netutil.LimitListener(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown lets what runs end until ctx ends, and closes the listener.
func (a *Admin) Shutdown(ctx context.Context) {
	if err := a.server.Shutdown(ctx); err != nil {
		_ = a.server.Close() // what is still open has had its time
	}
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // a client that went away is no fault of ours
}
