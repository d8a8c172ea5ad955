package telemetry

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// The bounds of what waits: lines, and their bytes.
	queueLines = 4096
	queueBytes = 4 << 20
	// keptBytes is how much memory is kept for the next lines.
	keptBytes = 64 << 10
)

// Queue is a writer that never waits: lines are written by a goroutine of its
// own, as many at once as have come meanwhile, and dropped and counted while more
// than a few thousand wait. A log that nobody reads, or a disk that is full, so
// holds nothing up. Make one with [NewQueue]. It is safe for concurrent use.
type Queue struct {
	more    chan struct{} // holds one: lines wait; closed by Close
	written chan struct{} // closed when the last line has been
	lost    atomic.Uint64

	mu      sync.Mutex // guards what follows
	waiting []byte
	lines   int // in waiting, and those that are being written
	writing int // these alone
	closed  bool
}

// NewQueue returns a queue in front of w.
func NewQueue(w io.Writer) *Queue {
	q := &Queue{more: make(chan struct{}, 1), written: make(chan struct{})}
	go func() {
		defer close(q.written)
		var spare []byte
		for range q.more {
			runtime.Gosched() // whoever is about to write as well goes first
			taken, lines := q.take(spare)
			if lines == 0 {
				spare = taken
				continue
			}
			if _, err := w.Write(taken); err != nil {
				q.lost.Add(uint64(lines))
			}
			q.done(lines)
			if spare = taken[:0]; cap(spare) > keptBytes {
				spare = nil
			}
		}
	}()
	return q
}

// take returns the lines that wait, and has the next ones wait in other memory.
func (q *Queue) take(other []byte) (waiting []byte, lines int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, lines = q.waiting, q.lines-q.writing
	q.waiting, q.writing = other, q.lines
	return waiting, lines
}

// done makes the room of lines free that have been written.
func (q *Queue) done(lines int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines -= lines
	q.writing -= lines
}

// Write takes one line, which a line feed ends. It never fails and never waits.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.lines == queueLines || len(q.waiting)+len(line) > queueBytes {
		q.lost.Add(1)
		return len(line), nil
	}
	q.waiting = append(q.waiting, line...)
	q.lines++
	select {
	case q.more <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Dropped returns how many lines were not written, because too many waited or
// because writing failed.
func (q *Queue) Dropped() uint64 { return q.lost.Load() }

// Close writes what waits, for limit at most. Later lines are dropped.
func (q *Queue) Close(limit time.Duration) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.more)
	}
	q.mu.Unlock()
	select {
	case <-q.written:
	case <-time.After(limit):
	}
}
