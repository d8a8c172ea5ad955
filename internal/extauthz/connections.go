package extauthz

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// What a connection may leave open. A proper Envoy sends the message of a Check with
// its headers, and opens a connection in order to ask.
const (
	messageTime     = 5 * time.Second  // from a stream's beginning to its whole message
	firstStreamTime = 10 * time.Second // from a connection's beginning to its first stream
	sweepInterval   = time.Second
	epochs          = 8 // sweeps that a stream's beginning is told apart for; more than messageTime has
	// unreadBytes is how much of messages that are not whole yet is taken from all
	// connections together; each has its share, and at least room for one message.
	unreadBytes   = 16 << 20
	leastShare    = maxMessageBytes + 32<<10
	mostShare     = 4 << 20
	overheadBytes = 256 // of a message's headers and frames, about
	// manyStreams is how many streams without a whole message are taken from all
	// connections together, before each is held to its share of them. A stream that waits
	// takes about 17 KB.
	manyStreams = 800
)

// connections are those of the gRPC port. They bound what strangers can have the
// server hold: a connection that leaves a message incomplete, or opens no stream, is
// closed, and of unfinished messages no more than a share is read. It is safe for
// concurrent use. Make one with newConnections.
type connections struct {
	most   int // how many there may be
	logger *slog.Logger
	count  func(reason string) // of each that is closed or refused

	epoch   atomic.Uint32 // counts sweeps
	pending atomic.Int32  // streams without a whole message
	streams atomic.Int32  // a connection's share of manyStreams
	mu      sync.Mutex
	open    map[*connection]struct{} // guarded by mu
	told    time.Time                // when a refusal was logged; guarded by mu
}

func newConnections(most int, logger *slog.Logger, count func(reason string)) *connections {
	c := &connections{most: most, logger: logger, count: count, open: make(map[*connection]struct{})}
	c.streams.Store(manyStreams)
	return c
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
		c.streams.Store(max(int32(manyStreams/len(c.open)), 1))
	}
	c.mu.Unlock()
	if tell {
		c.logger.Warn("a connection was refused: there are as many as server.max_connections allows",
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
		if !one.asked.Load() && (oldest == nil || int32(one.since-oldest.since) < 0) {
			oldest = one
		}
	}
	return oldest
}

// share is how much of unfinished messages may be read from one connection, in bytes.
func (c *connections) share() int64 {
	return min(max(unreadBytes/int64(max(c.Open(), 1)), leastShare), mostShare)
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
	c.streams.Store(max(int32(manyStreams/max(c.Open(), 1)), 1))
	c.mu.Lock()
	overdue := make(map[*connection]string)
	pending := int32(0)
	for one := range c.open {
		pending += one.pending.Load()
		if why := one.overdue(now); why != "" {
			overdue[one] = why
		}
		one.setShare(share)
	}
	c.pending.Store(pending) // those of connections that have ended are none
	c.mu.Unlock()
	for one, why := range overdue {
		c.count(why)
		_ = one.Close() // it is of no use any more
	}
}

// connection is one of them, as grpc-go reads it.
type connection struct {
	net.Conn
	all *connections

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
	o.unread.Add(int64(n))
	return n, err
}

func (o *connection) full() bool { return o.unread.Load() > o.limit.Load() }

func (o *connection) setShare(bytes int64) {
	o.limit.Store(bytes)
	o.wake()
}

func (o *connection) wake() {
	o.mu.Lock()
	o.room.Broadcast()
	o.mu.Unlock()
}

// Close closes it, for whoever reads it too.
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
	o.pending.Add(1)
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

// watchedInfo is the connection's own information, with the connection beside it.
type watchedInfo struct {
	credentials.AuthInfo
	of *connection
}

// watchedCredentials are credentials by which a call finds its connection.
type watchedCredentials struct {
	credentials.TransportCredentials
}

// watched returns transport, or those of plain text if it is nil.
func watched(transport credentials.TransportCredentials) credentials.TransportCredentials {
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	return watchedCredentials{transport}
}

// ServerHandshake is that of the credentials.
func (w watchedCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	of, ok := raw.(*connection)
	if !ok {
		return nil, nil, errors.Join(errors.New("a connection that nobody watches"), conn.Close())
	}
	return conn, watchedInfo{info, of}, nil
}

// Clone returns credentials that do the same.
func (w watchedCredentials) Clone() credentials.TransportCredentials {
	return watchedCredentials{w.TransportCredentials.Clone()}
}

// watchedStream is the context of a stream that is watched.
type watchedStream struct {
	context.Context
	unfinished
}

type watchedKey struct{}

// Value finds the stream itself, beside what its context holds.
func (w *watchedStream) Value(key any) any {
	if key == (watchedKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// takeStream notes a stream when its headers come, before it takes any memory of its
// own. It refuses one where there are many that wait for their message, and its
// connection has more than its share of them. A stream that grpc-go gives up before
// anybody looks at it, since its time is over already, stays noted: then its
// connection is closed in the end.
func takeStream(ctx context.Context, _ *tap.Info) (context.Context, error) {
	from, known := peer.FromContext(ctx)
	if !known || ctx.Err() != nil {
		return ctx, nil
	}
	info, watched := from.AuthInfo.(watchedInfo)
	switch {
	case !watched:
		return ctx, nil
	case info.of.all.pending.Load() >= manyStreams && info.of.pending.Load() >= info.of.all.streams.Load():
		return nil, status.Error(codes.ResourceExhausted, "this connection has too many streams without a message")
	}
	return &watchedStream{ctx, info.of.begin()}, nil
}

// begun returns the context's stream.
func begun(ctx context.Context) unfinished {
	if stream, ok := ctx.Value(watchedKey{}).(*watchedStream); ok {
		return stream.unfinished
	}
	return unfinished{}
}

// unknownMethod answers for what the server does not have.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	begun(stream.Context()).end(0)
	return status.Error(codes.Unimplemented, "the server has no such method")
}

// watchedService is a service of which each stream is watched until its first message
// is whole.
func watchedService(service grpc.ServiceDesc) *grpc.ServiceDesc {
	methods := make([]grpc.MethodDesc, len(service.Methods))
	for i, method := range service.Methods {
		methods[i] = grpc.MethodDesc{MethodName: method.MethodName, Handler: func(
			server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
		) (any, error) {
			stream := begun(ctx)
			return method.Handler(server, ctx, func(v any) error {
				defer stream.end(0)
				return decode(v)
			}, interceptor)
		}}
	}
	streams := make([]grpc.StreamDesc, len(service.Streams))
	for i, one := range service.Streams {
		streams[i] = one
		streams[i].Handler = func(server any, stream grpc.ServerStream) error {
			first := &firstMessage{ServerStream: stream, unfinished: begun(stream.Context())}
			defer first.once.Do(func() { first.end(0) })
			return one.Handler(server, first)
		}
	}
	service.Methods, service.Streams = methods, streams
	return &service
}

// firstMessage is a stream that notes its first message.
type firstMessage struct {
	grpc.ServerStream
	unfinished
	once sync.Once
}

// RecvMsg is that of the stream.
func (f *firstMessage) RecvMsg(v any) error {
	err := f.ServerStream.RecvMsg(v)
	f.once.Do(func() { f.end(0) })
	return err
}
