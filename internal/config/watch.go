package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Times of watching.
const (
	// settleReplaced is how long a file that was put in another's place must
	// have been left alone before it counts: it was whole when it came.
	settleReplaced = 100 * time.Millisecond
	// settleWritten is the same for a file that was written to where it stands:
	// what is there may be a part of what is to come, and still be valid.
	settleWritten = time.Second
	// pollInterval is how often files are looked at without an event, for file
	// systems that send none.
	pollInterval = 5 * time.Second
)

// maxWatched is how much of a file, in bytes, is looked at for changes.
const maxWatched = 64 << 20

// Watcher tells of changes of files. Make one with [NewWatcher].
type Watcher struct {
	files  []string
	events *fsnotify.Watcher
	seen   look
	// written is how long a file that was written to must be left alone.
	written time.Duration
}

// look is the files as they were at one moment.
type look struct {
	content string // tells what they held from anything else
	infos   []fs.FileInfo
}

// NewWatcher begins to watch files: what becomes of them from here on is told by
// [Watcher.Run], so that nothing is missed of files that are read behind this
// call. The error is that the system lets no files be watched.
func NewWatcher(files ...string) (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching files: %w", err)
	}
	w := &Watcher{files: files, events: events, written: settleWritten}
	w.follow()
	w.seen = w.look()
	return w, nil
}

// Run calls changed each time the files hold something else, until ctx ends, and
// then gives up the watch. It does not matter how they came to: by a rename,
// through a symbolic link in a path (as Kubernetes swaps a ConfigMap), by being
// written to, or by being removed. A file that is written to where it stands
// counts once it has been left alone for a second. changed is called from Run's
// own goroutine, one call at a time.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	defer func() { _ = w.events.Close() }()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	pending, since := w.seen, time.Now() // what was found last, and from when on
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.events.Events:
			quiet.Reset(settleReplaced)
			continue
		case <-w.events.Errors: // events may have been lost: look
		case <-poll.C:
		case <-quiet.C:
		}
		now := w.look()
		if now.content != pending.content {
			since = time.Now()
		}
		pending = now
		switch rest := w.written - time.Since(since); {
		case now.content == w.seen.content:
		case rest <= 0 || now.replaced(w.seen):
			w.seen = now
			w.follow()
			changed()
		default:
			quiet.Reset(rest)
		}
	}
}

// replaced reports whether each file that differs is another one in its place,
// rather than the same one written to.
func (l look) replaced(before look) bool {
	for i, info := range l.infos {
		was := before.infos[i]
		if info != nil && was != nil && os.SameFile(info, was) && (info.Size() != was.Size() || !info.ModTime().Equal(was.ModTime())) {
			return false
		}
	}
	return true
}

// follow watches the directories of the files as their links lead now. One that
// cannot be watched is still polled.
func (w *Watcher) follow() {
	for _, dir := range directories(w.files) {
		_ = w.events.Add(dir)
	}
}

// look reads the files.
func (w *Watcher) look() look {
	sum := sha256.New()
	l := look{infos: make([]fs.FileInfo, len(w.files))}
	for i, name := range w.files {
		file, err := os.Open(name)
		if err != nil {
			fmt.Fprintf(sum, "%q: %v\x00", name, err)
			continue
		}
		l.infos[i], _ = file.Stat()
		size, err := io.Copy(sum, io.LimitReader(file, maxWatched))
		fmt.Fprintf(sum, "\x00%d %v\x00", size, err)
		_ = file.Close()
	}
	l.content = string(sum.Sum(nil))
	return l
}

// directories are where the files' names stand, and where the links in them
// lead to.
func directories(files []string) []string {
	var dirs []string
	for _, file := range files {
		dirs = append(dirs, filepath.Dir(file))
		if real, err := filepath.EvalSymlinks(file); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
