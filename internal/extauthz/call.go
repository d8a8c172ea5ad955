package extauthz

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/mem"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// call is one Check on its way through the server, from the bytes that came to
// the bytes that go. Its memory is used again for another call once it is sent.
type call struct {
	data   []byte // the CheckRequest as it came, until it was scanned
	size   int    // its length
	asked  request.Request
	err    error // why there is nothing in asked
	budget budget
	answer *answer
}

// most bounds the memory, in bytes, that is kept for another call: a message as
// Envoy sends them by default fits.
const most = 64 << 10

// calls are those that are not under way, and the memory of their answers. It is
// safe for concurrent use. Make one with newCalls.
type calls struct {
	pool    sync.Pool // of *call
	answers sync.Pool // of *answer
	denials templates
	// poison: buffers are overwritten after use, so that a test fails which finds
	// something in one.
	poison bool
}

func newCalls() *calls { return &calls{poison: testing.Testing()} }

// begin returns a call of its own for the caller.
func (p *calls) begin(ctx context.Context) *call {
	c, reused := p.pool.Get().(*call)
	if !reused {
		c = new(call)
	}
	c.budget = budget{Context: ctx, began: time.Now()}
	return c
}

// end takes back a call that nobody uses any more.
func (p *calls) end(c *call) {
	clear(c.asked.Headers)
	clear(c.asked.Extensions)
	if cap(c.data) > most {
		return
	}
	*c = call{data: c.data[:0], asked: request.Request{Headers: c.asked.Headers[:0], Extensions: c.asked.Extensions}}
	p.pool.Put(c)
}

// decode reads the call's message, and with that ends its stream's wait: for a message
// that is refused, or that makes a reader panic, too.
func (c *call) decode(stream unfinished, decode func(any) error) error {
	defer func() { stream.end(c.size) }()
	return decode(c)
}

// read takes a CheckRequest as it came over the wire. What is wrong with it
// stands in the call.
func (c *call) read(message mem.BufferSlice, poison bool) {
	c.data = c.data[:0]
	for _, part := range message {
		c.data = append(c.data, part.ReadOnlyData()...)
	}
	c.err = scan(c.data, &c.asked)
	c.size = len(c.data)
	wipe(c.data, poison)
}

// wipe takes a request, with its token, out of memory that is used again.
func wipe(data []byte, poison bool) {
	if !poison {
		clear(data)
		return
	}
	for i := range data {
		data[i] = 0xff // in no UTF-8
	}
}

// render makes the answer of a decision.
func (c *call) render(d *gate.Decision, calls *calls) (err error) {
	c.answer = calls.answer()
	c.answer.bytes, err = calls.denials.appendAnswer(c.answer.bytes, d, fromGRPC(c.asked.Header("content-type")))
	return err
}

// answer is the bytes of one CheckResponse, in memory that grpc-go gives back
// when it has sent them: it is the pool of its own buffer.
type answer struct {
	home    *calls
	bytes   []byte
	buffers [1]mem.Buffer
}

// answerBytes is more than an ordinary answer needs. What is smaller
// than grpc-go's threshold (1 KiB) it never gives back.
const answerBytes = 4 << 10

// answer returns an empty one.
func (p *calls) answer() *answer {
	if a, reused := p.answers.Get().(*answer); reused {
		return a
	}
	return &answer{home: p, bytes: make([]byte, 0, answerBytes)}
}

// buffer hands the bytes over to grpc-go.
func (a *answer) buffer() mem.BufferSlice {
	a.buffers[0] = mem.NewBuffer(&a.bytes, a)
	return a.buffers[:]
}

// Get is never asked for: the buffer exists already.
func (a *answer) Get(int) *[]byte { return &a.bytes }

// Put takes the bytes back once nobody reads them.
func (a *answer) Put(*[]byte) {
	if a.home.poison {
		wipe(a.bytes, true)
	}
	if cap(a.bytes) > most {
		return
	}
	a.bytes, a.buffers[0] = a.bytes[:0], nil
	a.home.answers.Put(a)
}
