package load

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	initialWindow  = 65_535 // RFC 9113 section 6.9.2
	receiveWindow  = 1 << 30
	messagePrefix  = 5 // of a gRPC message: a flag and a length
	defaultFrame   = 16_384
	mostInFlight   = 8192 // on one connection at a fixed rate; more are sent late
	defaultStreams = 1 << 20
	greeting       = 5 * time.Second // bounds a connection's beginning
)

// flight is a call that waits for its answer.
type flight struct {
	number uint64
	due    time.Time
	answer Answer
}

// conn is one connection. What is read belongs to its reader alone; what is
// written is guarded by mu, since at a fixed rate another goroutine sends.
type conn struct {
	run    *Run
	net    net.Conn
	frames *http2.Framer
	input  *bufio.Reader

	// The reader's own.
	decoder   *hpack.Decoder
	current   *flight // whose header block is decoded; nil: of a stream that is gone
	received  int     // since the connection's window was topped up
	blockEnds bool    // the stream ends with the block that is being read
	blockOf   uint32

	mu        sync.Mutex
	output    *bufio.Writer
	flights   map[uint32]*flight // :: stream -> call
	free      []*flight
	stream    uint32 // the next one
	window    int64  // what may be sent on the connection
	perStream int64  // what may be sent on a new stream
	streams   int    // how many the server takes at a time
	first     []byte // header block that fills the peer's table; sent once
	next      []byte // header block that refers to it
	late      []late // due, and waiting for the window
	scratch   []byte
}

// late is a call that could not be sent when it was due.
type late struct {
	number uint64
	due    time.Time
}

// open connects and sends the preface. Both limits are set so high that the
// server is never held up by this client.
func (r *Run) open() (*conn, error) {
	network, err := net.DialTimeout(r.spec.Network, r.spec.Address, greeting)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	c := &conn{
		run: r, net: network, input: bufio.NewReaderSize(network, 64<<10), output: bufio.NewWriterSize(network, 64<<10),
		flights: map[uint32]*flight{}, stream: 1, window: initialWindow, perStream: initialWindow, streams: defaultStreams,
	}
	c.frames = http2.NewFramer(c.output, c.input)
	c.frames.SetReuseFrames()
	c.decoder = hpack.NewDecoder(4096, c.field)
	c.first, c.next = blocks(r.spec.Fields)
	_, err = c.output.WriteString(http2.ClientPreface)
	err = errors.Join(err,
		c.frames.WriteSettings(
			http2.Setting{ID: http2.SettingEnablePush, Val: 0},
			http2.Setting{ID: http2.SettingInitialWindowSize, Val: receiveWindow}),
		c.frames.WriteWindowUpdate(0, receiveWindow),
		c.output.Flush())
	if err == nil {
		err = c.await()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("greet the server: %w", err), network.Close())
	}
	return c, nil
}

// await reads until the server has said what it takes, which is the first that
// it says (RFC 9113 section 3.4).
func (c *conn) await() error {
	if err := c.net.SetReadDeadline(time.Now().Add(greeting)); err != nil {
		return err
	}
	frame, err := c.frames.ReadFrame()
	if err != nil {
		return err
	}
	if err := c.net.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if settings, ok := frame.(*http2.SettingsFrame); !ok || settings.IsAck() {
		return fmt.Errorf("the server begins with %v instead of its settings", frame.Header().Type)
	}
	return errors.Join(c.take(frame), c.output.Flush())
}

// send writes one call, or keeps it for later when the window is too small for
// it. It does not flush. The caller holds mu.
func (c *conn) send(number uint64, due time.Time) error {
	if c.run.spec.Message != nil {
		c.scratch = append(c.scratch[:0], 0, 0, 0, 0, 0)
		c.scratch = c.run.spec.Message(c.scratch, number)
		// A server may keep back as much as half of a window before it widens it again.
		if int64(len(c.scratch)) > c.perStream/2 {
			return fmt.Errorf("a message of %d bytes is more than half of a stream's window of %d", len(c.scratch), c.perStream)
		}
	}
	if len(c.flights) >= min(c.streams, mostInFlight) || c.run.spec.Message != nil && int64(len(c.scratch)) > c.window {
		c.late = append(c.late, late{number, due})
		return nil
	}
	block := c.next
	if c.first != nil {
		block, c.first = c.first, nil
	}
	stream := c.stream
	c.stream += 2
	c.board(stream, number, due)
	if c.run.spec.Message == nil {
		if c.run.spec.Extra != nil {
			c.scratch = c.run.spec.Extra(append(c.scratch[:0], block...), number)
			block = c.scratch
		}
		return c.writeHeaders(stream, block, true)
	}
	if err := c.writeHeaders(stream, block, false); err != nil {
		return err
	}
	size := len(c.scratch) - messagePrefix
	c.scratch[1], c.scratch[2], c.scratch[3], c.scratch[4] = byte(size>>24), byte(size>>16), byte(size>>8), byte(size)
	c.window -= int64(len(c.scratch))
	for rest := c.scratch; ; {
		n := min(len(rest), defaultFrame)
		if err := c.frames.WriteData(stream, n == len(rest), rest[:n]); err != nil {
			return err
		}
		if rest = rest[n:]; len(rest) == 0 {
			return nil
		}
	}
}

// writeHeaders writes a header block, in as many frames as it needs.
func (c *conn) writeHeaders(stream uint32, block []byte, end bool) error {
	n := min(len(block), defaultFrame)
	err := c.frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block[:n], EndStream: end, EndHeaders: n == len(block),
	})
	for block = block[n:]; len(block) > 0 && err == nil; block = block[n:] {
		n = min(len(block), defaultFrame)
		err = c.frames.WriteContinuation(stream, n == len(block), block[:n])
	}
	return err
}

// board notes a call that is under way.
func (c *conn) board(stream uint32, number uint64, due time.Time) {
	var f *flight
	if n := len(c.free); n > 0 {
		f, c.free = c.free[n-1], c.free[:n-1]
	} else {
		f = &flight{}
	}
	f.number, f.due = number, due
	f.answer = Answer{Body: f.answer.Body[:0]}
	c.flights[stream] = f
}

// catchUp sends what waits, as far as the window goes. The caller holds mu.
func (c *conn) catchUp() error {
	waiting := c.late
	c.late = c.late[:0]
	for i, l := range waiting {
		before := len(c.late)
		// What is kept again is written over what was read already.
		if err := c.send(l.number, l.due); err != nil {
			return err
		}
		if len(c.late) > before {
			c.late = append(c.late, waiting[i+1:]...)
			return nil
		}
	}
	return nil
}

// blocks encodes fields twice: for a peer whose table is empty, and for one that
// has read the first block. What is only ever sent with the second one stays
// right, since that one changes no table.
func blocks(fields []Field) (first, next []byte) {
	var out []byte
	encoder := hpack.NewEncoder(writerFunc(func(p []byte) (int, error) { out = append(out, p...); return len(p), nil }))
	encode := func() []byte {
		out = nil
		for _, f := range fields {
			_ = encoder.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value}) // into memory
		}
		return out
	}
	first = encode()
	next = encode()
	return first, next
}

// Literal encodes one field so that it stands for itself and enters no table
// (RFC 7541 section 6.2.3), as a credential should.
func Literal(name, value string) []byte {
	var out []byte
	encoder := hpack.NewEncoder(writerFunc(func(p []byte) (int, error) { out = append(out, p...); return len(p), nil }))
	_ = encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: true}) // into memory
	return out
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
