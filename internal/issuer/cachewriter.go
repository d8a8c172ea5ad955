package issuer

import (
	"errors"
	"time"
)

// diskLimit is how long a disk may take before that is told, and how long the end
// of an issuer waits for one.
const diskLimit = 5 * time.Second

// errDiskHangs is of keys that are still being written.
var errDiskHangs = errors.New("the disk has not taken them for " + diskLimit.String())

// cacheWriter writes keys beside the goroutine that has them, whose own it is
// otherwise: one set at a time, and of those that come meanwhile the newest. A disk
// that hangs so holds up nothing.
type cacheWriter struct {
	file    *cacheFile
	next    *keySet          // what is to be written
	writing bool             // a set is
	done    chan error       // holds what became of that
	late    <-chan time.Time // it takes long
}

func newCacheWriter(file *cacheFile) *cacheWriter {
	return &cacheWriter{file: file, done: make(chan error, 1)}
}

// write writes keys once what is under way has been written.
func (w *cacheWriter) write(keys *keySet) {
	w.next = keys
	w.begin()
}

func (w *cacheWriter) begin() {
	if w.writing || w.next == nil {
		return
	}
	keys := w.next
	w.next, w.writing, w.late = nil, true, time.After(diskLimit)
	go func() { w.done <- w.file.write(keys) }()
}

// settle notes that what was under way has been written, or could not be.
func (w *cacheWriter) settle() {
	w.writing, w.late = false, nil
	w.begin()
}

// finish has all of it written, and each outcome noted. It leaves a disk that hangs
// to itself.
func (w *cacheWriter) finish(note func(error)) {
	limit := time.After(diskLimit)
	for w.writing {
		select {
		case err := <-w.done:
			w.settle()
			note(err)
		case <-limit:
			note(errDiskHangs)
			return
		}
	}
}
