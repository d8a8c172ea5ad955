package extauthz

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// What a connection may leave open. A proper Envoy sends the message of a Check with
// its headers, and opens a connection in order to ask.
const (
	messageTime     = 5 * time.Second  // from a stream's beginning to its whole message
	firstStreamTime = 10 * time.Second // from a connection's beginning to its first stream
	sweepInterval   = time.Second
	epochs          = 8 // sweeps for which the beginnings of streams are kept apart: more than messageTime has
	// unreadBytes is how much of messages that are not whole yet is taken from all
	// connections together; each has its share, and at least room for one message.
	unreadBytes   = 16 << 20
	leastShare    = maxMessageBytes + 32<<10
	mostShare     = 4 << 20
	overheadBytes = 256 // of a message's headers and frames, about
	// manyStreams is how many streams without a whole message are taken from all
	// connections together, before each of those that have any is held to its share of
	// them, and fewStreams is the least of that. A stream that waits takes about 17 KB.
	manyStreams = 800
	fewStreams  = 16
	// mostWatches is how many may watch the health of the server, which takes as much as a
	// stream that waits. Envoy asks for it instead.
	mostWatches = 100
)

// connections are the connections of the gRPC port. They limit how much memory and how
// many streams untrusted clients can hold: a connection that leaves a message
// incomplete, or opens no stream, is closed, and of incomplete messages no more than a
// share is read. It is safe for concurrent use. Make one with newConnections.
type connections struct {
	most   int // how many there may be
	logger *slog.Logger
	count  func(reason string) // called for each connection that is closed or refused

	epoch    atomic.Uint32 // counts sweeps
	accepted atomic.Uint64 // connections
	pending  atomic.Int32  // streams without a whole message
	active   atomic.Int32  // connections that have such streams
	watches  atomic.Int32  // streams that watch the health of the server
	mu       sync.Mutex
	open     map[*connection]struct{} // guarded by mu
	told     time.Time                // when a refusal was logged; guarded by mu
}

func newConnections(most int, logger *slog.Logger, count func(reason string)) *connections {
	return &connections{most: most, logger: logger, count: count, open: make(map[*connection]struct{})}
}

// Open returns how many there are.
func (c *connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// listen returns a listener whose connections are watched.
func (c *connections) listen(l net.Listener) net.Listener { return watchedListener{l, c} }

type watchedListener struct {
	net.Listener
	all *connections
}

// Accept waits for a connection. Where it is one too many, the oldest that has not
// opened a stream yet makes room for it; without such a one it is closed at once, so
// that Envoy asks another replica and does not wait.
func (l watchedListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if one := l.all.add(raw); one != nil {
			return one, nil
		}
		_ = raw.Close() // nobody has used it
	}
}

// add returns the connection, watched; nil if it is one too many.
func (c *connections) add(raw net.Conn) *connection {
	one := &connection{Conn: raw, all: c, since: c.epoch.Load()}
	one.room.L = &one.mu
	one.number = c.accepted.Add(1)
	one.limit.Store(leastShare) // until the next sweep
	c.mu.Lock()
	silent := c.oldestSilent()
	full := len(c.open) >= c.most && silent == nil
	now := time.Now()
	tell := full && now.Sub(c.told) >= refusalPause
	if tell {
		c.told = now
	}
	if !full {
		c.open[one] = struct{}{}
	}
	c.mu.Unlock()
	if tell {
		c.logger.Warn("connection refused: server.max_connections reached",
			"peer", raw.RemoteAddr().String(), "max_connections", c.most)
	}
	if full {
		c.count("too_many")
		return nil
	}
	if silent != nil {
		c.count("too_many")
		_ = silent.Close() // it has said nothing
	}
	return one
}

// oldestSilent returns the oldest connection without a stream if there are as many
// connections as there may be; c.mu is held.
func (c *connections) oldestSilent() *connection {
	if len(c.open) < c.most {
		return nil
	}
	var oldest *connection
	for one := range c.open {
		if !one.asked.Load() && (oldest == nil || one.number < oldest.number) {
			oldest = one
		}
	}
	return oldest
}

// share is how much of unfinished messages may be read from one connection, in bytes.
func (c *connections) share() int64 {
	return min(max(unreadBytes/int64(max(c.Open(), 1)), leastShare), mostShare)
}

// streamShare is how many streams may wait for their message in one connection, where
// many do in all.
func (c *connections) streamShare() int32 {
	return max(manyStreams/max(c.active.Load(), 1), fewStreams)
}

// watch sweeps until done is closed.
func (c *connections) watch(done <-chan struct{}) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			c.sweep()
		}
	}
}

// sweep closes the connections that keep something open for too long.
func (c *connections) sweep() {
	now := c.epoch.Add(1)
	share := c.share()
	c.mu.Lock()
	overdue := make(map[*connection]string)
	pending, active := int32(0), int32(0)
	for one := range c.open {
		if waiting := one.pending.Load(); waiting > 0 {
			pending, active = pending+waiting, active+1
		}
		if why := one.overdue(now); why != "" {
			overdue[one] = why
		}
		one.setShare(share)
	}
	c.pending.Store(pending) // those of connections that have ended are none
	c.active.Store(active)
	c.mu.Unlock()
	for one, why := range overdue {
		c.count(why)
		_ = one.Close() // it is of no use any more
	}
}
