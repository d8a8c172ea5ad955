package extauthz

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one of them, as grpc-go reads it.
type connection struct {
	net.Conn
	all *connections

	number  uint64               // counts connections
	since   uint32               // the epoch of its beginning
	asked   atomic.Bool          // it has opened a stream
	limit   atomic.Int64         // its share
	unread  atomic.Int64         // bytes read that are of no whole message yet, about
	pending atomic.Int32         // streams without a whole message
	begun   [epochs]atomic.Int32 // the same, by the epoch of their beginning
	ended   atomic.Bool

	mu   sync.Mutex
	room sync.Cond // there is room again, or it is closed
}

// Read waits while too much of unfinished messages has been read: what is not read
// stays with the sender.
func (o *connection) Read(into []byte) (int, error) {
	if o.full() {
		o.mu.Lock()
		for o.full() && !o.ended.Load() {
			o.room.Wait()
		}
		o.mu.Unlock()
	}
	n, err := o.Conn.Read(into)
	if o.pending.Load() == 0 {
		o.unread.Store(0)
	}
	o.unread.Add(int64(n))
	return n, err
}

// full reports whether more than the share of incomplete messages has been read. What
// is read while no stream waits for its message belongs to none: the rest of one that
// was refused, and frames of the connection's own.
func (o *connection) full() bool { return o.pending.Load() > 0 && o.unread.Load() > o.limit.Load() }

// setShare sets the share, for a new sweep. A connection that is full gets room for one
// message more: what is counted for headers and frames is an estimate, and the message
// that is incomplete might be a proper one.
func (o *connection) setShare(bytes int64) {
	o.limit.Store(bytes)
	if o.full() {
		o.unread.Add(-maxMessageBytes)
	}
	o.wake()
}

func (o *connection) wake() {
	o.mu.Lock()
	o.room.Broadcast()
	o.mu.Unlock()
}

// Close closes the connection, and ends a Read that waits.
func (o *connection) Close() error {
	if !o.ended.Swap(true) {
		o.all.mu.Lock()
		delete(o.all.open, o)
		o.all.mu.Unlock()
	}
	err := o.Conn.Close()
	o.wake()
	return err
}

// overdue says why the connection is to be closed; empty: it is not.
func (o *connection) overdue(now uint32) string {
	if !o.asked.Load() {
		if time.Duration(now-o.since)*sweepInterval > firstStreamTime {
			return "no_stream"
		}
		return ""
	}
	for age := uint32(messageTime/sweepInterval) + 1; age < epochs; age++ {
		if o.begun[(now-age)%epochs].Load() > 0 {
			return "no_message"
		}
	}
	return ""
}

// begin notes a stream; what it returns ends it.
func (o *connection) begin() unfinished {
	if !o.asked.Load() {
		o.asked.Store(true)
	}
	at := o.all.epoch.Load() % epochs
	o.begun[at].Add(1)
	if o.pending.Add(1) == 1 {
		o.all.active.Add(1)
	}
	o.all.pending.Add(1)
	return unfinished{o, at}
}

// unfinished is a stream whose message is not whole yet. The zero value is none that
// is watched.
type unfinished struct {
	of *connection
	at uint32
}

// end notes that the message of so many bytes is there, or will never be.
func (u unfinished) end(bytes int) {
	if u.of == nil {
		return
	}
	u.of.begun[u.at].Add(-1)
	u.of.all.pending.Add(-1)
	last := u.of.pending.Add(-1) == 0
	if last {
		u.of.all.active.Add(-1)
	}
	var before int64
	for {
		before = u.of.unread.Load()
		after := max(before-int64(bytes)-overheadBytes, 0)
		if last { // what was counted for frames and headers is none of a message
			after = 0
		}
		if u.of.unread.CompareAndSwap(before, after) {
			break
		}
	}
	if before > u.of.limit.Load() { // somebody may wait for that
		u.of.wake()
	}
}
