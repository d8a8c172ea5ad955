package issuer

import (
	"errors"
	"time"
)

// diskLimit is how long a write may take before it is reported, and how long a
// stopping refresher waits for one.
const diskLimit = 5 * time.Second

// errDiskHangs is reported while a write takes longer than diskLimit.
var errDiskHangs = errors.New("the write has not finished within " + diskLimit.String())

// cacheWriter writes key sets in a goroutine of its own, so that a hanging disk
// delays nothing else. It writes one set at a time, and then the newest of those
// that arrived in the meantime. Only the refresher's goroutine uses it.
type cacheWriter struct {
	file    *cacheFile
	next    *keySet          // to be written next
	writing bool             // a write is in progress
	done    chan error       // receives the result of that write
	late    <-chan time.Time // fires when it has taken diskLimit
}

func newCacheWriter(file *cacheFile) *cacheWriter {
	return &cacheWriter{file: file, done: make(chan error, 1)}
}

// write writes keys, after the write in progress has finished.
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

// settle records that the write in progress has finished, and begins the next.
func (w *cacheWriter) settle() {
	w.writing, w.late = false, nil
	w.begin()
}

// finish waits until everything is written and passes each result to record. It
// gives up after diskLimit.
func (w *cacheWriter) finish(record func(error)) {
	limit := time.After(diskLimit)
	for w.writing {
		select {
		case err := <-w.done:
			w.settle()
			record(err)
		case <-limit:
			record(errDiskHangs)
			return
		}
	}
}
