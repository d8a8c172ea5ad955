package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	initialWindow    = 65_535  // RFC 9113 section 6.9.2
	receiveWindow    = 1 << 30 // bytes of answers on a connection; more than one ever gets
	messagePrefix    = 5       // of a gRPC message: a flag and a length
	maxFrame         = 16_384  // RFC 9113 section 6.5.2: what every server accepts
	maxInFlight      = 8192    // on one connection at a fixed rate; further calls wait
	defaultStreams   = 1 << 20
	handshakeTimeout = 5 * time.Second
)

// call is a call that waits for its answer.
type call struct {
	number uint64
	due    time.Time // when it should have been sent
	answer Answer
}

// conn is one connection. Only its reader uses what it reads; mu guards what is
// written, since at a fixed rate another goroutine sends.
type conn struct {
	run    *Run
	net    net.Conn
	frames *http2.Framer
	input  *bufio.Reader

	// Used by the reader alone.
	decoder *hpack.Decoder
	current *call // whose header block is being read; nil if it has ended

	mu        sync.Mutex
	output    *bufio.Writer
	calls     map[uint32]*call // :: stream -> call
	free      []*call
	stream    uint32 // the next one
	window    int64  // bytes that may be sent on the connection
	perStream int64  // bytes that may be sent on a new stream
	streams   int    // how many the server allows at a time
	first     []byte // header block that fills the server's table; sent once
	next      []byte // header block that refers to the table
	queue     []queued
	scratch   []byte
}

// queued is a call that waits for the window.
type queued struct {
	number uint64
	due    time.Time
}

// open connects and sends the preface. It allows the server to send so much that
// this client never delays it.
func (r *Run) open() (*conn, error) {
	network, err := net.DialTimeout(r.spec.Network, r.spec.Address, handshakeTimeout)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	c := &conn{
		run: r, net: network, input: bufio.NewReaderSize(network, 64<<10), output: bufio.NewWriterSize(network, 64<<10),
		calls: map[uint32]*call{}, stream: 1, window: initialWindow, perStream: initialWindow, streams: defaultStreams,
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
		err = c.readFirstSettings()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open an HTTP/2 connection: %w", err), network.Close())
	}
	return c, nil
}

// readFirstSettings reads the server's first frame, which must be its settings
// (RFC 9113 section 3.4).
func (c *conn) readFirstSettings() error {
	if err := c.net.SetReadDeadline(time.Now().Add(handshakeTimeout)); err != nil {
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
		return fmt.Errorf("the server's first frame is %v; expected SETTINGS", frame.Header().Type)
	}
	return errors.Join(c.handle(frame), c.output.Flush())
}

// send writes one call, or queues it if the window is too small. It does not
// flush. The caller holds mu.
func (c *conn) send(number uint64, due time.Time) error {
	hasBody := c.run.spec.Message != nil
	if hasBody {
		c.scratch = append(c.scratch[:0], 0, 0, 0, 0, 0)
		c.scratch = c.run.spec.Message(c.scratch, number)
		// A server may wait until half of a window is used before it widens it.
		if limit := min(maxFrame, c.perStream/2); int64(len(c.scratch)) > limit {
			return fmt.Errorf("a message has %d bytes; at most %d fit into a frame and into half of a stream's window", len(c.scratch), limit)
		}
	}
	if len(c.calls) >= min(c.streams, maxInFlight) || hasBody && int64(len(c.scratch)) > c.window {
		c.queue = append(c.queue, queued{number, due})
		return nil
	}
	block := c.next
	if c.first != nil {
		block, c.first = c.first, nil
	}
	if c.run.spec.Extra != nil {
		c.scratch = c.run.spec.Extra(append(c.scratch[:0], block...), number)
		block = c.scratch
	}
	stream := c.stream
	c.stream += 2
	c.register(stream, number, due)
	err := c.frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block, EndStream: !hasBody, EndHeaders: true,
	})
	if err != nil || !hasBody {
		return err
	}
	size := len(c.scratch) - messagePrefix
	c.scratch[1], c.scratch[2], c.scratch[3], c.scratch[4] = byte(size>>24), byte(size>>16), byte(size>>8), byte(size)
	c.window -= int64(len(c.scratch))
	return c.frames.WriteData(stream, true, c.scratch)
}

// register adds a call to those that wait for their answers.
func (c *conn) register(stream uint32, number uint64, due time.Time) {
	var next *call
	if n := len(c.free); n > 0 {
		next, c.free = c.free[n-1], c.free[:n-1]
	} else {
		next = &call{}
	}
	next.number, next.due = number, due
	next.answer = Answer{Body: next.answer.Body[:0]}
	c.calls[stream] = next
}

// sendQueued sends queued calls until the window is used up. The caller holds mu.
func (c *conn) sendQueued() error {
	waiting := c.queue
	c.queue = c.queue[:0]
	for i, q := range waiting {
		before := len(c.queue)
		// send may queue the call again, in a place that was read already.
		if err := c.send(q.number, q.due); err != nil {
			return err
		}
		if len(c.queue) > before {
			c.queue = append(c.queue, waiting[i+1:]...)
			return nil
		}
	}
	return nil
}

// blocks encodes fields twice: for a server with an empty table, and for one that
// has read the first block. The second block changes no table, so it can be sent
// any number of times.
func blocks(fields []Field) (first, next []byte) {
	var out bytes.Buffer
	encoder := hpack.NewEncoder(&out)
	encode := func() []byte {
		defer out.Reset()
		for _, f := range fields {
			_ = encoder.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value}) // into memory
		}
		return bytes.Clone(out.Bytes())
	}
	first = encode()
	return first, encode()
}

// Literal encodes one field without a reference to the table and without adding
// it to the table (RFC 7541 section 6.2.3), as is right for a credential.
func Literal(name, value string) []byte {
	var out bytes.Buffer
	_ = hpack.NewEncoder(&out).WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: true}) // into memory
	return out.Bytes()
}
