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

// Config says where a [Server] listens and which clock its tokens follow.
type Config struct {
	// Listen is host:port with a loopback IP address as host; empty:
	// 127.0.0.1 and a free port.
	Listen string
	// Now is the clock of iat and exp; nil: time.Now.
	Now func() time.Time
}

// Server hosts issuers over plain HTTP on loopback. Its methods may be called
// from any goroutine.
type Server struct {
	addr    string // host:port as it was bound
	now     func() time.Time
	handler http.Handler

	// Two locks, since a stop waits for handlers and handlers look issuers up.
	issuersMu sync.Mutex
	issuers   map[string]*Issuer // :: name -> issuer

	mu      sync.Mutex // guards what follows, over a whole start or stop
	running *listener  // nil while paused or closed
	closed  bool
}

// ErrClosed is returned by [Server.Resume] after [Server.Close].
var ErrClosed = errors.New("the issuer's server is closed")

// Start listens and answers until [Server.Close]. It has no issuers yet: see
// [Server.Add].
func Start(c Config) (*Server, error) {
	address := cmp.Or(c.Listen, "127.0.0.1:0")
	bind, err := netip.ParseAddrPort(address)
	if err != nil || !bind.Addr().IsLoopback() {
		return nil, fmt.Errorf("listen address %q is not a loopback IP address with a port: this issuer gives any token to whoever asks, so it is for this machine alone", address)
	}
	s := &Server{now: c.Now, issuers: map[string]*Issuer{}}
	if s.now == nil {
		s.now = time.Now
	}
	s.handler = s.routes()
	s.running, err = listen(address, s.handler)
	if err != nil {
		return nil, err
	}
	s.addr = s.running.addr
	return s, nil
}

// URL is the server's base, http://HOST:PORT. It stays the same over
// [Server.Pause] and [Server.Resume].
func (s *Server) URL() string { return "http://" + s.addr }

// Add puts an issuer under the server's URL, with a key of its own unless c
// says otherwise. The name is one path segment; it must be new.
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
	switch {
	case c.KeysOf != nil && c.Algorithm != "":
		return nil, fmt.Errorf("issuer %q shares the keys of %q, so it cannot have an algorithm of its own", name, c.KeysOf.name)
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
		return nil, fmt.Errorf("there is an issuer named %q already", name)
	}
	s.issuers[name] = i
	return i, nil
}

// Pause plays an outage: the port is closed, connections are cut, and nothing
// is answered until [Server.Resume]. Issuers and keys stay, and tokens can be
// minted by method calls. A second Pause does nothing.
func (s *Server) Pause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop()
}

// Resume ends an outage: the server answers again at the same address. It
// fails if another process has taken the port meanwhile, and with [ErrClosed]
// after [Server.Close].
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

// Close ends the server for good and returns when its goroutines have ended.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.stop()
}

// stop closes what is running. The caller holds mu.
func (s *Server) stop() error {
	if s.running == nil {
		return nil
	}
	running := s.running
	s.running = nil
	return running.close()
}

// issuer finds an issuer by name; the error lists those there are.
func (s *Server) issuer(name string) (*Issuer, error) {
	s.issuersMu.Lock()
	defer s.issuersMu.Unlock()
	if i, ok := s.issuers[name]; ok {
		return i, nil
	}
	return nil, fmt.Errorf("no issuer named %q here; there is %s", name, strings.Join(slices.Sorted(maps.Keys(s.issuers)), ", "))
}

// routes are the server's endpoints. No handler may take mu: stop holds it
// until they have ended.
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
	return mux
}

// serve answers with what document makes of the issuer that the path names.
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

// problem is the body of every answer that is not 200.
type problem struct {
	Error string `json:"error"`
}

// answer writes body as JSON. A client that has gone away is no concern of
// ours, so the write's error is dropped.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// validName holds a name to what can be one path segment.
func validName(name string) error {
	switch {
	case name == "", name == ".", name == "..":
	case !utf8.ValidString(name), strings.Contains(name, "/"), strings.ContainsFunc(name, unicode.IsControl):
	default:
		return nil
	}
	return fmt.Errorf("issuer name %q cannot be one segment of a URL's path", name)
}

// listener is one stretch of listening: from bind to the end of its last
// connection.
type listener struct {
	addr   string
	server *http.Server
	served chan error     // what Serve returned
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

// close cuts every connection, as a killed process does, and waits for the
// goroutines.
func (l *listener) close() error {
	err := l.server.Close()
	if served := <-l.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	l.conns.Wait()
	return err
}
