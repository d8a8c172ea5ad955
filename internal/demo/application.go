package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jwtgate/jwtgate/internal/identity"
)

// application is the sample application. It does not use tokens. For a browser it has
// pages, a [site]; it answers every other request with the headers that it received.
//
// It also stores the headers of a request with `?tour=ID`, so that the tour can check
// what the application received, whatever the response is.
type application struct {
	server *http.Server
	served chan error

	mu   sync.Mutex
	seen map[string]http.Header // :: the tour's ID -> the headers of the request
}

// startApplication starts the application, with pages unless they are nil. It runs until
// close.
func startApplication(address string, pages *site) (*application, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("start the application: %w", err)
	}
	a := &application{served: make(chan error, 1), seen: map[string]http.Header{}}
	handler := http.Handler(a)
	if pages != nil {
		handler = pages.routes(a)
	}
	a.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() { a.served <- a.server.Serve(l) }()
	return a, nil
}

// ServeHTTP answers with the request's headers, as JSON.
func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id := r.URL.Query().Get("tour"); id != "" {
		a.mu.Lock()
		a.seen[id] = r.Header.Clone()
		a.mu.Unlock()
	}
	received := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		received[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(map[string]any{ // it fails only if the client has disconnected
		"application": "received " + r.Method + " " + r.URL.Path,
		"headers":     received,
	})
}

// take returns and removes the headers of the request with a tour's ID. It returns
// false if that request did not reach the application.
func (a *application) take(id string) (http.Header, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	header, ok := a.seen[id]
	delete(a.seen, id)
	return header, ok
}

func (a *application) close() error {
	err := a.server.Close()
	if served := <-a.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// identityOf returns the identity headers among received headers: every header that
// some framework would read as x-user-..., in any spelling.
func identityOf(received http.Header) map[string]string {
	found := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(received)) {
		if strings.HasPrefix(identity.Fold(name), "x-user-") {
			found[strings.ToLower(name)] = strings.Join(received[name], ", ")
		}
	}
	return found
}
