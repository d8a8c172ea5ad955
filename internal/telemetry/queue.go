package telemetry

import (
	"bytes"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// The bounds of what waits or is being written: lines, and their bytes.
	queueLines = 4096
	queueBytes = 4 << 20
	// pieceBytes is how much is written at once, unless one line is longer. A pipe
	// takes so much whole, also when others write to it (PIPE_BUF of pipe(7)).
	pieceBytes = 4096
	// keptBytes is how much memory is kept for the next lines.
	keptBytes = 64 << 10
)

// Queue is a writer that never waits: lines are written by a goroutine of its
// own, several at once when they come close together, and dropped and counted while
// more than a few thousand wait. A log that nobody reads, or a disk that is full, so
// holds nothing up. Make one with [NewQueue]. It is safe for concurrent use.
type Queue struct {
	more    chan struct{} // holds one: lines wait; closed by Close
	written chan struct{} // closed when the last line has been
	lost    atomic.Uint64

	mu      sync.Mutex // guards what follows
	waiting []byte
	lines   int // in waiting, and those that are being written
	size    int // of these, in bytes
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
			taken := q.take(spare)
			for rest := taken; len(rest) > 0; {
				piece := firstLines(rest)
				rest = rest[len(piece):]
				q.write(w, piece)
			}
			if spare = taken[:0]; cap(spare) > keptBytes {
				spare = nil
			}
		}
	}()
	return q
}

// take returns the lines that wait, and has the next ones wait in other memory.
func (q *Queue) take(other []byte) (waiting []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, q.waiting = q.waiting, other
	return waiting
}

// firstLines returns the lines at the front that are written at once.
func firstLines(rest []byte) []byte {
	if len(rest) <= pieceBytes {
		return rest
	}
	end := bytes.LastIndexByte(rest[:pieceBytes], '\n')
	if end < 0 {
		if end = bytes.IndexByte(rest, '\n'); end < 0 {
			return rest
		}
	}
	return rest[:end+1]
}

// write writes a piece, and makes its room free.
func (q *Queue) write(w io.Writer, piece []byte) {
	lines := countLines(piece)
	if n, err := w.Write(piece); err != nil {
		q.lost.Add(uint64(lines - countLines(piece[:min(max(n, 0), len(piece))])))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines -= lines
	q.size -= len(piece)
}

func countLines(text []byte) int { return bytes.Count(text, []byte{'\n'}) }

// Write takes a line, which a line feed ends. It never fails and never waits.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.lines >= queueLines || q.size+len(line) > queueBytes {
		q.lost.Add(1)
		return len(line), nil
	}
	q.waiting = append(q.waiting, line...)
	q.lines += countLines(line)
	q.size += len(line)
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
