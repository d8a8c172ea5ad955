package extauthz

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connection is a connection of the gRPC port. It stops reading while its client has sent
// too much of incomplete messages, and knows how long its streams have waited for theirs.
//
// A stream is incomplete from its headers until its first message has arrived in full.
type connection struct {
	net.Conn
	set *connections

	number       uint64                   // in the order of their arrival
	opened       uint32                   // the sweep in which it was opened
	hadStream    atomic.Bool              // its client has opened a stream
	readLimit    atomic.Int64             // its share of maxUnreadBytes
	partialBytes atomic.Int64             // about how many bytes of incomplete messages were read
	incomplete   atomic.Int32             // number of incomplete streams
	begun        [sweepSlots]atomic.Int32 // the same, by the sweep in which they began
	closed       atomic.Bool

	mu   sync.Mutex
	wake sync.Cond // signals that Read may continue, or that the connection is closed
}

// Read waits while too many bytes of incomplete messages have been read. Bytes that are not
// read stay with the sender.
func (c *connection) Read(into []byte) (int, error) {
	if c.overLimit() {
		c.mu.Lock()
		for c.overLimit() && !c.closed.Load() {
			c.wake.Wait()
		}
		c.mu.Unlock()
	}
	n, err := c.Conn.Read(into)
	if c.incomplete.Load() == 0 {
		c.partialBytes.Store(0)
	}
	c.partialBytes.Add(int64(n))
	return n, err
}

// overLimit reports whether more bytes of incomplete messages were read than the limit
// allows. Bytes that are read while no stream is incomplete do not count: they are the rest
// of a message that was rejected, or frames that belong to no stream.
func (c *connection) overLimit() bool {
	return c.incomplete.Load() > 0 && c.partialBytes.Load() > c.readLimit.Load()
}

// setReadLimit sets the limit for the time until the next sweep. A connection that is over
// its limit may read one more message: the count of bytes includes headers and frames and
// is an estimate, and the incomplete message may be valid.
func (c *connection) setReadLimit(bytes int64) {
	c.readLimit.Store(bytes)
	if c.overLimit() {
		c.partialBytes.Add(-maxMessageBytes)
	}
	c.signal()
}

// signal lets a Read that waits check the limit again.
func (c *connection) signal() {
	c.mu.Lock()
	c.wake.Broadcast()
	c.mu.Unlock()
}

// Close closes the connection and ends a Read that waits.
func (c *connection) Close() error {
	if !c.closed.Swap(true) {
		c.set.mu.Lock()
		delete(c.set.open, c)
		c.set.mu.Unlock()
	}
	err := c.Conn.Close()
	c.signal()
	return err
}

// overdue returns the reason for which to close the connection, or "".
func (c *connection) overdue(now uint32) string {
	if !c.hadStream.Load() {
		if time.Duration(now-c.opened)*sweepInterval > firstStreamTimeout {
			return "no_stream"
		}
		return ""
	}
	for age := uint32(messageTimeout/sweepInterval) + 1; age < sweepSlots; age++ {
		if c.begun[(now-age)%sweepSlots].Load() > 0 {
			return "no_message"
		}
	}
	return ""
}

// beginStream counts a new stream as incomplete, until [incompleteStream.end] is called.
func (c *connection) beginStream() incompleteStream {
	if !c.hadStream.Load() {
		c.hadStream.Store(true)
	}
	slot := c.set.sweeps.Load() % sweepSlots
	c.begun[slot].Add(1)
	if c.incomplete.Add(1) == 1 {
		c.set.waiting.Add(1)
	}
	c.set.incomplete.Add(1)
	return incompleteStream{c, slot}
}

// incompleteStream is a stream whose message has not arrived in full. The zero value is a
// stream of no tracked connection.
type incompleteStream struct {
	conn *connection
	slot uint32
}

// end records that the message, of this size, has arrived or will never arrive.
func (s incompleteStream) end(bytes int) {
	if s.conn == nil {
		return
	}
	s.conn.begun[s.slot].Add(-1)
	s.conn.set.incomplete.Add(-1)
	last := s.conn.incomplete.Add(-1) == 0
	if last {
		s.conn.set.waiting.Add(-1)
	}
	var before int64
	for {
		before = s.conn.partialBytes.Load()
		after := max(before-int64(bytes)-overheadBytes, 0)
		if last { // what remains of the count belongs to headers and frames
			after = 0
		}
		if s.conn.partialBytes.CompareAndSwap(before, after) {
			break
		}
	}
	if before > s.conn.readLimit.Load() { // a Read may be waiting
		s.conn.signal()
	}
}
