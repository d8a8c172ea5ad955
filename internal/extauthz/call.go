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

// call is one Check, from the bytes that are received to the bytes that are sent. After
// that, its memory is reused for another call.
type call struct {
	data    []byte // the CheckRequest as it was received, until it is scanned
	size    int    // the length of the CheckRequest
	request request.Request
	err     error // why request is empty
	budget  budget
	answer  *answer
}

// maxReusedBytes is the size of the largest buffer that is reused. The messages that Envoy
// sends with its default limits fit.
const maxReusedBytes = 64 << 10

// calls makes calls and their answers, and reuses their memory. It is safe for concurrent
// use. Make one with newCalls.
type calls struct {
	pool      sync.Pool // of *call
	answers   sync.Pool // of *answer
	templates templates
	// poison: buffers are overwritten after use, so that a test that still reads one fails.
	poison bool
}

func newCalls() *calls { return &calls{poison: testing.Testing()} }

// begin returns a call that only the caller uses.
func (p *calls) begin(ctx context.Context) *call {
	c, reused := p.pool.Get().(*call)
	if !reused {
		c = new(call)
	}
	c.budget = budget{Context: ctx, began: time.Now()}
	return c
}

// end takes back a call, which must not be used any more.
func (p *calls) end(c *call) {
	clear(c.request.Headers)
	clear(c.request.Extensions)
	if cap(c.data) > maxReusedBytes {
		return
	}
	*c = call{data: c.data[:0], request: request.Request{Headers: c.request.Headers[:0], Extensions: c.request.Extensions}}
	p.pool.Put(c)
}

// decode reads the call's message. Then its stream is no longer incomplete, even if the
// message is rejected or reading it panics.
func (c *call) decode(stream incompleteStream, decode func(any) error) error {
	defer func() { stream.end(c.size) }()
	return decode(c)
}

// read reads a CheckRequest in its wire format. If that fails, it sets c.err.
func (c *call) read(message mem.BufferSlice, poison bool) {
	c.data = c.data[:0]
	for _, part := range message {
		c.data = append(c.data, part.ReadOnlyData()...)
	}
	c.err = scan(c.data, &c.request)
	c.size = len(c.data)
	wipe(c.data, poison)
}

// wipe removes a request, with its token, from memory that is reused.
func wipe(data []byte, poison bool) {
	if !poison {
		clear(data)
		return
	}
	for i := range data {
		data[i] = 0xff // never in UTF-8
	}
}

// render makes the answer for a decision.
func (c *call) render(d *gate.Decision, calls *calls) (err error) {
	c.answer = calls.answer()
	grpcClient := !allowed(d) && isGRPC(c.request.Header("content-type")) // matters for denials only
	c.answer.bytes, err = calls.templates.appendAnswer(c.answer.bytes, d, grpcClient)
	return err
}

// answer is the bytes of one CheckResponse. It is also the pool of its own buffer, so that
// grpc-go returns the memory when it has sent them.
//
// buffers is part of the answer, and grpc-go holds a slice of it. That is safe because
// grpc-go reads the slice only while it holds a reference to the buffer in it, and calls Put
// when the last reference is gone.
type answer struct {
	home    *calls
	bytes   []byte
	buffers [1]mem.Buffer
}

// answerBytes is more than an ordinary answer needs. grpc-go never returns buffers of up to
// 1 KiB to their pool.
const answerBytes = 4 << 10

// answer returns an empty answer.
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

// Get implements mem.BufferPool. It is never called.
func (a *answer) Get(int) *[]byte { return &a.bytes }

// Put implements mem.BufferPool. grpc-go calls it when it does not read the bytes any more.
func (a *answer) Put(*[]byte) {
	if a.home.poison {
		wipe(a.bytes, true)
	}
	if cap(a.bytes) > maxReusedBytes {
		return
	}
	a.bytes, a.buffers[0] = a.bytes[:0], nil
	a.home.answers.Put(a)
}
