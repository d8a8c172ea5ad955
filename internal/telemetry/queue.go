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
	// The maximum number of lines, and of their bytes, that wait or are being
	// written.
	queueLines = 4096
	queueBytes = 4 << 20
	// pieceBytes is the most that one call of Write gets, unless a line is longer. A
	// write of this size to a pipe is atomic, even if other processes also write to
	// it (PIPE_BUF of pipe(7)).
	pieceBytes = 4096
	// keptBytes is the largest buffer that is reused.
	keptBytes = 64 << 10
)

// Queue is a writer that never blocks. Its goroutine writes the lines, several at
// once if they arrive at a high rate. While more than a few thousand wait, further
// lines are dropped and counted. So a log that is not read, or a full disk, delays
// nothing. Create one with [NewQueue]. It is safe for concurrent use.
type Queue struct {
	more    chan struct{} // capacity 1: lines wait; closed by Close
	written chan struct{} // closed when the last line was written
	lost    atomic.Uint64

	mu      sync.Mutex // guards what follows
	waiting []byte
	lines   int // in waiting, and those that are being written
	size    int // of these lines, in bytes
	closed  bool
}

// NewQueue returns a queue in front of w.
func NewQueue(w io.Writer) *Queue {
	q := &Queue{more: make(chan struct{}, 1), written: make(chan struct{})}
	go func() {
		defer close(q.written)
		var spare []byte
		for range q.more {
			runtime.Gosched() // let other writers add their lines first
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

// take returns the waiting lines. The queue then collects lines in spare.
func (q *Queue) take(spare []byte) (waiting []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, q.waiting = q.waiting, spare
	return waiting
}

// firstLines returns the first lines of rest, which are written at once.
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

// write writes one piece and removes it from the counts.
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

// Write queues a line, which must end in a line feed. It never fails and never
// blocks.
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

// Dropped returns how many lines were lost, because too many waited or because
// writing failed.
func (q *Queue) Dropped() uint64 { return q.lost.Load() }

// Close waits until all lines are written, but at most for limit. Later lines are
// dropped.
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
