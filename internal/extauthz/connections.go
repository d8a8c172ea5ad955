package extauthz

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of what a connection may leave incomplete. Envoy sends the message of a Check
// directly after its headers, and opens a connection only when it has a request to check.
const (
	messageTimeout     = 5 * time.Second  // from the beginning of a stream to its complete message
	firstStreamTimeout = 10 * time.Second // from the beginning of a connection to its first stream
	sweepInterval      = time.Second
	sweepSlots         = 8 // streams are counted by the sweep in which they began; more than messageTimeout has

	// maxUnreadBytes is how many bytes of incomplete messages are read from all
	// connections together. Each connection has a share of it, which has room for at
	// least one message.
	maxUnreadBytes = 16 << 20
	minShareBytes  = maxMessageBytes + 32<<10
	maxShareBytes  = 4 << 20
	overheadBytes  = 256 // estimated size of the headers and frames of one message

	// maxIncomplete is the number of incomplete streams of all connections from which on
	// each connection with incomplete streams is limited to its share of them, which is at
	// least minIncomplete. An incomplete stream takes about 17 KB of memory.
	maxIncomplete = 800
	minIncomplete = 16

	// maxHealthWatches is how many streams may watch the health of the server. Each takes
	// as much memory as an incomplete stream. Envoy does not watch; it polls.
	maxHealthWatches = 100
)

// connections are the connections of the gRPC port. They limit how much memory and how many
// streams untrusted clients can hold: a connection that leaves a message incomplete or
// opens no stream is closed, and only a share of incomplete messages is read. It is safe
// for concurrent use. Make one with newConnections.
type connections struct {
	max      int // how many may be open
	logger   *slog.Logger
	onClosed func(reason string) // counts a connection that is closed or refused, or a refused stream

	sweeps     atomic.Uint32 // number of sweeps
	accepted   atomic.Uint64 // number of connections that were ever accepted
	incomplete atomic.Int32  // number of incomplete streams
	waiting    atomic.Int32  // number of connections with incomplete streams
	watches    atomic.Int32  // number of streams that watch the health of the server

	mu     sync.Mutex
	open   map[*connection]struct{} // guarded by mu
	logged time.Time                // when a refused connection was last logged; guarded by mu
}

func newConnections(limit int, logger *slog.Logger, onClosed func(reason string)) *connections {
	return &connections{max: limit, logger: logger, onClosed: onClosed, open: make(map[*connection]struct{})}
}

// Open returns the number of open connections.
func (s *connections) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// listen returns a listener that accepts limited connections.
func (s *connections) listen(l net.Listener) net.Listener { return limitedListener{l, s} }

type limitedListener struct {
	net.Listener
	set *connections
}

// Accept waits for a connection. If the maximum is reached, it closes the oldest connection
// that has never had a stream. If there is none, it closes the new connection immediately,
// so that Envoy tries another replica and does not wait.
func (l limitedListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn := l.set.add(raw); conn != nil {
			return conn, nil
		}
		_ = raw.Close() // nothing was sent on it
	}
}

// add returns the connection with its limits, or nil if the maximum is reached.
func (s *connections) add(raw net.Conn) *connection {
	conn := &connection{Conn: raw, set: s, opened: s.sweeps.Load()}
	conn.wake.L = &conn.mu
	conn.number = s.accepted.Add(1)
	conn.readLimit.Store(minShareBytes) // until the next sweep
	s.mu.Lock()
	unused := s.oldestUnused()
	refused := len(s.open) >= s.max && unused == nil
	now := time.Now()
	log := refused && now.Sub(s.logged) >= refusalLogInterval
	if log {
		s.logged = now
	}
	if !refused {
		s.open[conn] = struct{}{}
	}
	s.mu.Unlock()
	if log {
		s.logger.Warn("connection refused: server.max_connections reached",
			"peer", raw.RemoteAddr().String(), "max_connections", s.max)
	}
	if refused {
		s.onClosed("too_many")
		return nil
	}
	if unused != nil {
		s.onClosed("too_many")
		_ = unused.Close() // it has sent no request
	}
	return conn
}

// oldestUnused returns the oldest connection that has never had a stream, if the maximum is
// reached, or nil. s.mu must be held.
func (s *connections) oldestUnused() *connection {
	if len(s.open) < s.max {
		return nil
	}
	var oldest *connection
	for conn := range s.open {
		if !conn.hadStream.Load() && (oldest == nil || conn.number < oldest.number) {
			oldest = conn
		}
	}
	return oldest
}

// shareBytes returns how many bytes of incomplete messages each connection may read.
func (s *connections) shareBytes() int64 {
	return min(max(maxUnreadBytes/int64(max(s.Open(), 1)), minShareBytes), maxShareBytes)
}

// shareStreams returns how many incomplete streams each connection may have once all
// together have maxIncomplete.
func (s *connections) shareStreams() int32 {
	return max(maxIncomplete/max(s.waiting.Load(), 1), minIncomplete)
}

// run sweeps at each interval until done is closed.
func (s *connections) run(done <-chan struct{}) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			s.sweep()
		}
	}
}

// sweep closes the connections that have left something incomplete for too long, and gives
// the others their shares.
func (s *connections) sweep() {
	now := s.sweeps.Add(1)
	share := s.shareBytes()
	s.mu.Lock()
	overdue := make(map[*connection]string)
	incomplete, waiting := int32(0), int32(0)
	for conn := range s.open {
		if n := conn.incomplete.Load(); n > 0 {
			incomplete, waiting = incomplete+n, waiting+1
		}
		if reason := conn.overdue(now); reason != "" {
			overdue[conn] = reason
		}
		conn.setReadLimit(share)
	}
	s.incomplete.Store(incomplete) // without the streams of connections that were closed
	s.waiting.Store(waiting)
	s.mu.Unlock()
	for conn, reason := range overdue {
		s.onClosed(reason)
		_ = conn.Close() // an error changes nothing: it is not used any more
	}
}
