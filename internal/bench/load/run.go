package load

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtgate/jwtgate/internal/bench/sample"
)

// Field is a header field.
type Field = sample.Field

// Spec describes the calls, the server, and the rate.
type Spec struct {
	Network, Address string // as for net.Dial
	Connections      int
	InFlight         int     // on each connection, when Rate is 0
	Rate             float64 // calls per second over all connections; 0: as fast as answers arrive

	Fields []Field // of every call, pseudo-headers first
	// Message appends the gRPC message of the n-th call; nil: calls have no body.
	Message func(to []byte, n uint64) []byte
	// Extra appends the fields, encoded by [Literal], that only the n-th call has;
	// nil: none. It cannot be used together with Message.
	Extra func(to []byte, n uint64) []byte

	Echo string // the response header that Answer.Echo takes
	// Validate returns what is wrong with the answer to the n-th call. It is called
	// for the first answer of each shape (statuses and lengths) and for every
	// Sample-th answer of that shape (0: every 512th), by one goroutine at a time.
	// The answer is valid until it returns.
	Validate func(n uint64, a Answer) error
	Sample   int
}

// Answer is what the server answered.
type Answer struct {
	Status, GRPCStatus, Echo string
	Body                     []byte // gRPC messages with their prefixes
}

// shape is what is compared in every answer.
type shape struct {
	status, grpcStatus string
	body, echo         int // lengths
}

const defaultSample = 512

// Window is what was measured between [Run.Start] and [Run.Stop].
type Window struct {
	Elapsed   time.Duration
	Done      int             // right answers
	Latencies []time.Duration // of those, ascending
	Failed    int             // since the run began, not only in the window
	Failure   error           // the first one
}

// Run is load that is being sent. Create one with [Begin].
type Run struct {
	spec     Spec
	conns    []*conn
	readers  sync.WaitGroup
	numbers  atomic.Uint64
	answered atomic.Uint64
	stopping atomic.Bool
	sender   chan struct{} // closed after the sender at a fixed rate has ended; nil without one

	mu        sync.Mutex // guards what follows
	measuring bool
	from      time.Time
	window    Window
	shapes    map[shape]int // :: shape of right answers -> how many there were
}

// Begin connects and starts to send. The caller must close the run.
func Begin(spec Spec) (*Run, error) {
	r := &Run{spec: spec, shapes: map[shape]int{}}
	for range spec.Connections {
		c, err := r.open()
		if err != nil {
			r.Close()
			return nil, err
		}
		r.conns = append(r.conns, c)
	}
	for _, c := range r.conns {
		if err := r.start(c); err != nil {
			r.Close()
			return nil, err
		}
	}
	if spec.Rate > 0 {
		r.sender = make(chan struct{})
		go r.sendAtRate()
	}
	return r, nil
}

// start starts the reader of a connection and, in a closed loop, sends the first
// calls.
func (r *Run) start(c *conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.readers.Go(func() {
		if err := c.read(); !r.stopping.Load() {
			r.fail(fmt.Errorf("the connection ended: %w", err))
		}
	})
	if r.spec.Rate > 0 {
		return nil
	}
	now := time.Now()
	for range r.spec.InFlight {
		if err := c.send(r.number(), now); err != nil {
			return err
		}
	}
	return c.output.Flush()
}

// number returns the number of the next call.
func (r *Run) number() uint64 { return r.numbers.Add(1) - 1 }

// Start begins to measure.
func (r *Run) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed, failure := r.window.Failed, r.window.Failure
	r.window = Window{Failed: failed, Failure: failure, Latencies: r.window.Latencies[:0]}
	r.measuring, r.from = true, time.Now()
}

// Stop ends what [Run.Start] began and returns what was measured. The run
// continues to send.
func (r *Run) Stop() Window {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.window
	if r.measuring {
		w.Elapsed = time.Since(r.from)
	}
	r.measuring = false
	w.Latencies = slices.Clone(w.Latencies)
	slices.Sort(w.Latencies)
	return w
}

// Failure returns what was wrong with the first wrong answer, or the error that
// ended the run; nil if there was neither.
func (r *Run) Failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window.Failure
}

// Answered returns how many calls have ended, with a right answer or not.
func (r *Run) Answered() uint64 { return r.answered.Load() }

// Close ends the run and waits for its goroutines.
func (r *Run) Close() {
	r.stopping.Store(true)
	if r.sender != nil {
		<-r.sender
	}
	for _, c := range r.conns {
		_ = c.net.Close() // calls in flight are abandoned
	}
	r.readers.Wait()
}

// count validates an answer and counts it.
func (r *Run) count(ended *call, now time.Time, err error) {
	a := &ended.answer
	s := shape{a.Status, a.GRPCStatus, len(a.Body), len(a.Echo)}
	r.answered.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.shapes[s]%cmp.Or(r.spec.Sample, defaultSample) == 0 {
		err = r.spec.Validate(ended.number, *a)
	}
	if err != nil {
		r.failed(fmt.Errorf("call %d: %w", ended.number, err))
		return
	}
	r.shapes[s]++
	if r.measuring {
		r.window.Done++
		r.window.Latencies = append(r.window.Latencies, now.Sub(ended.due))
	}
}

func (r *Run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed(err)
}

func (r *Run) failed(err error) {
	r.window.Failed++
	if r.window.Failure == nil {
		r.window.Failure = err
	}
}

// sendAtRate sends each call at its time. It sleeps in its own thread, since the
// runtime's timers are up to a millisecond late in an idle program.
func (r *Run) sendAtRate() {
	defer close(r.sender)
	sleep, release := preciseSleep()
	defer release()
	every := time.Duration(float64(time.Second) / r.spec.Rate)
	for due := time.Now(); !r.stopping.Load(); due = due.Add(every) {
		if wait := time.Until(due); wait > 0 {
			sleep(wait)
		}
		n := r.number()
		c := r.conns[n%uint64(len(r.conns))]
		c.mu.Lock()
		err := errors.Join(c.send(n, due), c.output.Flush())
		c.mu.Unlock()
		if err != nil {
			if !r.stopping.Load() {
				r.fail(fmt.Errorf("send: %w", err))
			}
			return
		}
	}
}
