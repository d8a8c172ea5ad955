package telemetry

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// queueLines is how many lines wait at most.
const queueLines = 4096

// Queue is a writer that never waits: lines are written by a goroutine of its
// own, and dropped and counted while more than a few thousand wait. A log that
// nobody reads, or a disk that is full, so holds nothing up. Make one with
// [NewQueue]. It is safe for concurrent use.
type Queue struct {
	lines   chan []byte
	written chan struct{} // closed when the last line has been
	dropped atomic.Uint64
	failed  atomic.Uint64

	mu     sync.RWMutex // guards closed
	closed bool
}

// NewQueue returns a queue in front of w.
func NewQueue(w io.Writer) *Queue {
	q := &Queue{lines: make(chan []byte, queueLines), written: make(chan struct{})}
	go func() {
		defer close(q.written)
		for line := range q.lines {
			if _, err := w.Write(line); err != nil {
				q.failed.Add(1)
			}
		}
	}()
	return q
}

// Write takes one line. It never fails and never waits.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		q.dropped.Add(1)
		return len(line), nil
	}
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

// Dropped returns how many lines were not written, because too many waited or
// because writing failed.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() + q.failed.Load() }

// Close writes what waits, for limit at most. Later lines are dropped.
func (q *Queue) Close(limit time.Duration) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.lines)
	}
	q.mu.Unlock()
	select {
	case <-q.written:
	case <-time.After(limit):
	}
}
