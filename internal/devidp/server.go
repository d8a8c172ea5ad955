package devidp

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Config configures a [Server].
type Config struct {
	// Listen is host:port with a loopback IP address as host; empty:
	// 127.0.0.1 and a free port.
	Listen string
	// Now is the clock of iat and exp; nil: time.Now.
	Now func() time.Time
}

// Server serves issuers over plain HTTP on loopback. It is safe for concurrent use.
type Server struct {
	addr    string // the host:port on which it listens
	now     func() time.Time
	handler http.Handler
	pages   pages

	// There are two locks, since stop waits for handlers, which use issuers.
	issuersMu sync.Mutex
	issuers   map[string]*Issuer // :: name -> issuer

	mu      sync.Mutex // guards what follows, for a whole start or stop
	running *listener  // nil while paused or closed
	closed  bool
}

// ErrClosed is returned by [Server.Resume] after [Server.Close].
var ErrClosed = errors.New("the issuer's server is closed")

// Start starts a server without issuers; see [Server.Add]. It runs until
// [Server.Close].
func Start(c Config) (*Server, error) {
	address := cmp.Or(c.Listen, "127.0.0.1:0")
	bind, err := netip.ParseAddrPort(address)
	if err != nil || !bind.Addr().IsLoopback() {
		return nil, fmt.Errorf("listen address %q is not a loopback IP address with a port; "+
			"this issuer gives any token to any client, so it must not be reachable from other machines", address)
	}
	s := &Server{now: c.Now, issuers: map[string]*Issuer{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	s.running, err = listen(address, s.handler)
	if err != nil {
		return nil, err
	}
	s.addr = s.running.addr
	return s, nil
}

// URL returns the server's base URL, http://HOST:PORT. [Server.Pause] and
// [Server.Resume] do not change it.
func (s *Server) URL() string { return "http://" + s.addr }

// Add adds an issuer under the server's URL. name must be a path segment that no
// other issuer has.
func (s *Server) Add(name string, c IssuerConfig) (*Issuer, error) {
	if err := validName(name); err != nil {
		return nil, err
	}
	i := &Issuer{
		name:     name,
		url:      s.URL() + "/" + url.PathEscape(name),
		typ:      cmp.Or(c.Type, "JWT"),
		now:      s.now,
		defaults: c.Defaults,
	}
	i.iss = cmp.Or(c.ISS, i.url)
	if c.Login != nil {
		state, err := newLogin(*c.Login)
		if err != nil {
			return nil, fmt.Errorf("issuer %q: %w", name, err)
		}
		i.login = state
	}
	switch {
	case c.KeysOf != nil && c.Algorithm != "":
		return nil, fmt.Errorf("issuer %q shares the keys of %q and cannot have an algorithm of its own", name, c.KeysOf.name)
	case c.KeysOf != nil:
		i.keys = c.KeysOf.keys
	default:
		keys, err := newRing(cmp.Or(c.Algorithm, "RS256"))
		if err != nil {
			return nil, fmt.Errorf("issuer %q: %w", name, err)
		}
		i.keys = keys
	}
	s.issuersMu.Lock()
	defer s.issuersMu.Unlock()
	if _, taken := s.issuers[name]; taken {
		return nil, fmt.Errorf("an issuer named %q already exists", name)
	}
	s.issuers[name] = i
	return i, nil
}

// Pause simulates an outage: it closes the port and all connections until
// [Server.Resume]. Issuers and keys remain, and Mint still works. A second Pause
// does nothing.
func (s *Server) Pause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop()
}

// Resume ends an outage: the server listens on the same address again. It fails if
// another process uses the port now, and with [ErrClosed] after [Server.Close].
func (s *Server) Resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.running != nil:
		return nil
	}
	running, err := listen(s.addr, s.handler)
	if err != nil {
		return err
	}
	s.running = running
	return nil
}

// Close stops the server and waits for its goroutines.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.stop()
}

// stop closes the listener, if there is one. The caller holds mu.
func (s *Server) stop() error {
	if s.running == nil {
		return nil
	}
	running := s.running
	s.running = nil
	return running.close()
}

// issuer returns an issuer by its name.
func (s *Server) issuer(name string) (*Issuer, error) {
	s.issuersMu.Lock()
	defer s.issuersMu.Unlock()
	if i, ok := s.issuers[name]; ok {
		return i, nil
	}
	return nil, fmt.Errorf("unknown issuer %q; expected one of %s", name, strings.Join(slices.Sorted(maps.Keys(s.issuers)), ", "))
}

// routes returns the server's handler. No handler may lock mu, since stop holds it
// until all of them have ended.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}/.well-known/openid-configuration", s.serve(func(i *Issuer) (any, error) {
		return i.discovery(), nil
	}))
	mux.HandleFunc("GET /{name}/.well-known/jwks.json", s.serve(func(i *Issuer) (any, error) {
		i.fetches.Add(1)
		return i.keySet()
	}))
	mux.HandleFunc("POST /{name}/mint", s.mint)
	mux.HandleFunc("GET /{name}/authorize", s.authorize)
	mux.HandleFunc("POST /{name}/authorize", s.authorize)
	mux.HandleFunc("POST /{name}/token", s.token)
	mux.HandleFunc("GET /{name}/end_session", s.endSession)
	return mux
}

// serve responds with the document of the issuer in the path.
func (s *Server) serve(document func(*Issuer) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i, err := s.issuer(r.PathValue("name"))
		if err != nil {
			answer(w, http.StatusNotFound, problem{Error: err.Error()})
			return
		}
		body, err := document(i)
		if err != nil {
			answer(w, http.StatusInternalServerError, problem{Error: err.Error()})
			return
		}
		answer(w, http.StatusOK, body)
	}
}

// problem is the body of an error response.
type problem struct {
	Error string `json:"error"`
}

// answer writes body as JSON. It ignores the error of the write, which means that the
// client has disconnected.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// validName returns an error if a name cannot be a path segment.
func validName(name string) error {
	switch {
	case name == "", name == ".", name == "..":
	case !utf8.ValidString(name), strings.Contains(name, "/"), strings.ContainsFunc(name, unicode.IsControl):
	default:
		return nil
	}
	return fmt.Errorf("invalid issuer name %q; expected one path segment", name)
}

// listener is a running HTTP server.
type listener struct {
	addr   string
	server *http.Server
	served chan error     // receives the result of Serve
	conns  sync.WaitGroup // connections whose goroutine has not ended
}

func listen(address string, handler http.Handler) (*listener, error) {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the issuer: %w", err)
	}
	l := &listener{addr: socket.Addr().String(), served: make(chan error, 1)}
	l.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				l.conns.Add(1)
			case http.StateClosed:
				l.conns.Done()
			}
		},
	}
	go func() { l.served <- l.server.Serve(socket) }()
	return l, nil
}

// close closes the listener and every connection, and waits for the goroutines.
func (l *listener) close() error {
	err := l.server.Close()
	if served := <-l.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	l.conns.Wait()
	return err
}
