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

// Spec says what is sent, where, and how fast.
type Spec struct {
	Network, Address string // as for net.Dial
	Connections      int
	InFlight         int     // on each connection, when Rate is 0
	Rate             float64 // calls per second over all connections; 0: as fast as answers come

	Fields []Field // of every call, pseudo-headers first
	// Message appends the n-th call's gRPC message; nil: calls have no body.
	Message func(to []byte, n uint64) []byte
	// Extra appends, encoded by [Literal], the fields that are the n-th call's
	// alone; only without Message. nil: none.
	Extra func(to []byte, n uint64) []byte

	Echo string // the response header that Answer.Echo is to hold
	// Judge says what is wrong with the n-th call's answer. It is asked about
	// each answer whose statuses and lengths are new, and about every Sample-th of
	// those that are not (0: every 512th), by one goroutine at a time. The answer
	// is valid until it returns.
	Judge  func(n uint64, a Answer) error
	Sample int
}

// Answer is what came back.
type Answer struct {
	Status, GRPCStatus, Echo string
	Body                     []byte // gRPC messages with their prefixes
}

// shape is what is looked at in every answer.
type shape struct {
	status, grpcStatus string
	body, echo         int
}

const defaultSample = 512

// Window is what was measured between [Run.Start] and [Run.Stop].
type Window struct {
	Elapsed   time.Duration
	Done      int             // answers that came, and were as they should be
	Latencies []time.Duration // of those, ascending
	Failed    int             // since the run began, not only in the window
	Failure   error           // the first one
}

// Run is load that is being sent. Make one with [Begin].
type Run struct {
	spec     Spec
	conns    []*conn
	readers  sync.WaitGroup
	numbers  atomic.Uint64
	answered atomic.Uint64
	stopping atomic.Bool
	pacer    chan struct{} // closed once the pacer has ended; nil without one

	mu        sync.Mutex // guards what follows
	measuring bool
	from      time.Time
	window    Window
	shapes    map[shape]int // :: shape that is right -> how many came
}

// Begin connects and starts to send. The caller closes the run.
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
		if err := r.launch(c); err != nil {
			r.Close()
			return nil, err
		}
	}
	if spec.Rate > 0 {
		r.pacer = make(chan struct{})
		go r.pace()
	}
	return r, nil
}

// launch starts a connection's reader, and fills it with calls in a closed loop.
func (r *Run) launch(c *conn) error {
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

// number gives each call its own, in turn.
func (r *Run) number() uint64 { return r.numbers.Add(1) - 1 }

// Start begins to measure.
func (r *Run) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed, failure := r.window.Failed, r.window.Failure
	r.window = Window{Failed: failed, Failure: failure, Latencies: r.window.Latencies[:0]}
	r.measuring, r.from = true, time.Now()
}

// Stop ends what [Run.Start] began and returns what was measured. The load goes
// on.
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

// Sent is how many calls have been begun.
func (r *Run) Sent() uint64 { return r.numbers.Load() }

// Failure is what was wrong with the first answer that was not as it should be,
// or ended the run; nil while all is well.
func (r *Run) Failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window.Failure
}

// Answered is how many calls have ended, however they did.
func (r *Run) Answered() uint64 { return r.answered.Load() }

// Close ends the load and waits until nothing of it is left.
func (r *Run) Close() {
	r.stopping.Store(true)
	if r.pacer != nil {
		<-r.pacer
	}
	for _, c := range r.conns {
		_ = c.net.Close() // calls under way are given up
	}
	r.readers.Wait()
}

// finish judges an answer and counts it.
func (r *Run) finish(f *flight, now time.Time, err error) {
	a := &f.answer
	s := shape{a.Status, a.GRPCStatus, len(a.Body), len(a.Echo)}
	r.answered.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.shapes[s]%cmp.Or(r.spec.Sample, defaultSample) == 0 {
		err = r.spec.Judge(f.number, *a)
	}
	if err != nil {
		r.failed(fmt.Errorf("call %d: %w", f.number, err))
		return
	}
	r.shapes[s]++
	if r.measuring {
		r.window.Done++
		r.window.Latencies = append(r.window.Latencies, now.Sub(f.due))
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

// pace sends calls when they are due. It sleeps in a thread of its own, since
// the runtime's timers round up to a millisecond when nothing else runs.
func (r *Run) pace() {
	defer close(r.pacer)
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
