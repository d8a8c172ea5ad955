package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Times of watching.
const (
	// settle is how long files must have been left alone before they are read:
	// an editor writes in several steps.
	settle = 100 * time.Millisecond
	// pollInterval is how often files are looked at without an event, for file
	// systems that send none.
	pollInterval = 5 * time.Second
)

// Watcher tells of changes of files. Make one with [NewWatcher].
type Watcher struct {
	files  []string
	events *fsnotify.Watcher
	seen   string // the files' fingerprint
}

// NewWatcher begins to watch files: what becomes of them from here on is told by
// [Watcher.Run], so that nothing is missed of files that are read behind this
// call. The error is that the system lets no files be watched.
func NewWatcher(files ...string) (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching files: %w", err)
	}
	w := &Watcher{files: files, events: events}
	w.follow()
	w.seen = w.fingerprint()
	return w, nil
}

// Run calls changed each time one of the files has become another one, until
// ctx ends, and then gives up the watch. A file that is replaced counts, whether
// by a rename, through a symbolic link in its path (as Kubernetes swaps a
// ConfigMap), or by being written to; one that is gone for a moment does too. It
// does not read the files and does not prove that their content differs. changed
// is called from Run's own goroutine, one call at a time.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	defer func() { _ = w.events.Close() }()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.events.Events:
			quiet.Reset(settle)
			continue
		case <-w.events.Errors: // events may have been lost: look
		case <-poll.C:
		case <-quiet.C:
		}
		if now := w.fingerprint(); now != w.seen {
			w.seen = now
			w.follow()
			changed()
		}
	}
}

// follow watches the directories of the files as their links lead now. One that
// cannot be watched is still polled.
func (w *Watcher) follow() {
	for _, dir := range directories(w.files) {
		_ = w.events.Add(dir)
	}
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

// fingerprint tells the files apart from others in their place.
func (w *Watcher) fingerprint() string {
	var all strings.Builder
	for _, file := range w.files {
		info, err := os.Stat(file)
		if err != nil {
			fmt.Fprintf(&all, "%v\n", err)
			continue
		}
		real, err := filepath.EvalSymlinks(file)
		fmt.Fprintln(&all, real, err, info.Size(), info.ModTime().UnixNano())
	}
	return all.String()
}
