package filewatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pace is how soon a change is reported.
type pace struct {
	// replaceDelay is the time without changes after a file was replaced by another one.
	// The new file is complete from the start.
	replaceDelay time.Duration
	// writeDelay is the same after a file was edited in place. Its content may be
	// incomplete and still be valid.
	writeDelay time.Duration
	// maxDelay limits the delay for a file that keeps changing; 0 is no limit.
	maxDelay time.Duration
	// statInterval is how often size, time and inode are compared without an event, for
	// file systems that send none. The content is read if one of them has changed, or
	// after readInterval.
	statInterval, readInterval time.Duration
}

// calmPace is for configurations: an incomplete one must never be loaded.
func calmPace() pace {
	return pace{replaceDelay: 100 * time.Millisecond, writeDelay: time.Second, statInterval: 5 * time.Second}
}

// promptPace is for lists whose lines are independent. A change must take effect within
// a second, even if the file keeps changing, and reading a long list takes part of that
// second.
func promptPace() pace {
	return pace{
		replaceDelay: 100 * time.Millisecond, writeDelay: 100 * time.Millisecond, maxDelay: 300 * time.Millisecond,
		statInterval: 250 * time.Millisecond, readInterval: 5 * time.Second,
	}
}

// Watcher reports changes of files. Make one with [New] or [NewPrompt].
type Watcher struct {
	pace   pace
	events *fsnotify.Watcher
	wake   chan struct{} // holds one item if requested was set

	mu        sync.Mutex
	requested []string // the files of the last call of Watch; guarded by mu

	// After Run is called, only its goroutine uses the rest.
	files        []string
	reported     snapshot  // when a change was reported last
	added        bool      // some files were read before they were watched
	latest       snapshot  // the latest snapshot
	latestSince  time.Time // the time since which the files equal latest
	pendingSince time.Time // when latest first differed from reported; zero if it does not
	readAt       time.Time // when all content was read last
}

// New starts to watch files. [Watcher.Run] reports all later changes, so no change is
// missed if the files are read after this call. A name that contains *, ?, [ or \ is a
// pattern of [filepath.Match], and new files that match it are watched too. New returns
// an error if the system cannot watch files.
//
// A change of a file that is edited in place is reported one second after the last
// write. This suits configurations.
func New(files ...string) (*Watcher, error) { return newPaced(calmPace(), files) }

// NewPrompt is like New, for files whose changes must take effect within a second and
// that may be read in the middle of a change. A change of a file that is edited in
// place is reported 100 ms after the last write, and at most 300 ms after the first
// one. Without events, files are checked four times per second. A change without an
// event that keeps the size, time and inode of a file is reported within five seconds.
func NewPrompt(files ...string) (*Watcher, error) { return newPaced(promptPace(), files) }

func newPaced(pace pace, files []string) (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching files: %w", err)
	}
	w := &Watcher{pace: pace, events: events, wake: make(chan struct{}, 1), files: slices.Clone(files)}
	w.watchDirectories()
	w.reported = w.snapshot(nil)
	w.latest = w.reported
	w.readAt = time.Now()
	return w, nil
}

// Watch replaces the watched files. It may be called at any time from any goroutine,
// including from changed. The watcher cannot know whether a newly watched file changed
// before this call, so a new file counts as a change.
func (w *Watcher) Watch(files ...string) {
	w.mu.Lock()
	w.requested = slices.Clone(files)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // Run has not received the previous wake-up and will use these files
	}
}

// Run calls changed whenever the content of the files has changed, until ctx ends. Then
// it stops watching. It detects renames, changed symbolic links in a path (as when
// Kubernetes updates a ConfigMap), writes and removals. It calls changed in its own
// goroutine, one call at a time.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	defer func() { _ = w.events.Close() }()
	poll := time.NewTicker(w.pace.statInterval)
	defer poll.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		whole := true
		select {
		case <-ctx.Done():
			return
		case <-w.events.Events:
			quiet.Reset(w.limitDelay(w.pace.replaceDelay))
			continue
		case <-w.events.Errors: // events may have been lost
		case <-w.wake:
			w.applyRequest()
		case <-poll.C:
			whole = time.Since(w.readAt) >= w.pace.readInterval
		case <-quiet.C:
		}
		switch rest, differs := w.check(whole); {
		case !differs:
		case rest > 0:
			quiet.Reset(rest)
		default:
			w.reported, w.added, w.pendingSince = w.latest, false, time.Time{}
			w.watchDirectories()
			changed()
		}
	}
}

// check takes a snapshot. It reports whether the files differ from the last report, and
// how long they must stay unchanged before the difference is reported. Unless whole is
// true, the content of a file with the same size, time and inode counts as unchanged.
func (w *Watcher) check(whole bool) (rest time.Duration, differs bool) {
	before := w.latest
	if whole {
		w.latest, w.readAt = w.snapshot(nil), time.Now()
	} else {
		w.latest = w.snapshot(before)
	}
	if !w.latest.equal(before) {
		w.latestSince = time.Now()
	}
	if !w.added && w.latest.equal(w.reported) {
		w.pendingSince = time.Time{}
		return 0, false
	}
	if w.pendingSince.IsZero() {
		w.pendingSince = time.Now()
	}
	if !w.added && w.latest.replaced(w.reported) {
		return 0, true
	}
	return w.limitDelay(w.pace.writeDelay - time.Since(w.latestSince)), true
}

// limitDelay limits a delay to the rest of maxDelay.
func (w *Watcher) limitDelay(wait time.Duration) time.Duration {
	if w.pace.maxDelay > 0 && !w.pendingSince.IsZero() {
		wait = min(wait, w.pace.maxDelay-time.Since(w.pendingSince))
	}
	return max(wait, 0)
}

// applyRequest applies the last call of [Watcher.Watch].
func (w *Watcher) applyRequest() {
	w.mu.Lock()
	next := w.requested
	w.mu.Unlock()
	for _, file := range next {
		if !slices.Contains(w.files, file) {
			w.added, w.latestSince = true, time.Now()
		}
	}
	w.reported, w.latest = w.reported.only(next), w.latest.only(next)
	w.files = next
	w.watchDirectories()
}

// watchDirectories watches exactly the directories of the files, following links. A
// directory that cannot be watched is still polled.
func (w *Watcher) watchDirectories() {
	dirs := directories(w.files)
	for _, dir := range dirs {
		_ = w.events.Add(dir)
	}
	for _, dir := range w.events.WatchList() {
		if !slices.Contains(dirs, dir) {
			_ = w.events.Remove(dir)
		}
	}
}
