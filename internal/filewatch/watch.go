package filewatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pace says how soon a change counts.
type pace struct {
	// replaced is how long a file that was put in another's place must have been
	// left alone before it counts: it was whole when it came.
	replaceDelay time.Duration
	// written is the same for a file that was written to where it stands: what
	// is there may be a part of what is to come, and still be valid.
	writeDelay time.Duration
	// most is how long a file that is never left alone can put that off; 0: for
	// ever.
	maxDelay time.Duration
	// stat is how often size, time and inode are looked at without an event, for
	// file systems that send none; what the files hold is read when those have
	// changed, or after the time read.
	statInterval, readInterval time.Duration
}

// calmPace is that of a configuration: half of one must never go live.
func calmPace() pace {
	return pace{replaceDelay: 100 * time.Millisecond, writeDelay: time.Second, statInterval: 5 * time.Second}
}

// promptPace is that of a list whose lines each stand for themselves, and which
// must be in force a second after a change, whoever writes on: reading a long one
// takes a part of that second too.
func promptPace() pace {
	return pace{
		replaceDelay: 100 * time.Millisecond, writeDelay: 100 * time.Millisecond, maxDelay: 300 * time.Millisecond,
		statInterval: 250 * time.Millisecond, readInterval: 5 * time.Second,
	}
}

// Watcher tells of changes of files. Make one with [New] or
// [NewPrompt].
type Watcher struct {
	pace   pace
	events *fsnotify.Watcher
	wake   chan struct{} // holds one item when next was set

	mu        sync.Mutex
	requested []string // what Watch asked for last; guarded by mu

	// Only Run's goroutine uses the rest, once it runs.
	files        []string
	reported     snapshot  // as they were when they were told of last
	added        bool      // some of files were read before they were watched
	latest       snapshot  // as they were when they were looked at last
	latestSince  time.Time // from when on they are as found
	pendingSince time.Time // when they were first found to differ from seen; zero when they do not
	readAt       time.Time // when the content was read last, changed or not
}

// New begins to watch files: what becomes of them from here on is told by
// [Watcher.Run], so that nothing is missed of files that are read behind this
// call. One with *, ?, [ or \ in it is a pattern of [filepath.Match], for each
// file that matches it whenever that is looked for, so that new files count. The
// error is that the system lets no files be watched.
//
// A file that is written to where it stands counts once it has been left alone
// for a second: it is the pace of configurations.
func New(files ...string) (*Watcher, error) { return newPaced(calmPace(), files) }

// NewPrompt is New for files that must take effect within a second
// of a change, and that may be read in the middle of one: a file that is written
// to where it stands counts after 100 ms, or after 300 ms if it is never left
// alone, and is looked at four times a second where no events come. A change
// that keeps a file's size, time and inode, and sends no event, counts within
// five seconds.
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

// Watch makes these the files that are watched, instead of those before. It may
// be called at any time, from any goroutine, also inside changed. What happened
// to a file before it was watched cannot be known: if there is one that was not
// watched until now, that counts as a change, so that its reader reads once more.
func (w *Watcher) Watch(files ...string) {
	w.mu.Lock()
	w.requested = slices.Clone(files)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // Run has not taken the one before, and will take this one with it
	}
}

// Run calls changed each time the files hold something else, until ctx ends, and
// then gives up the watch. It does not matter how they came to: by a rename,
// through a symbolic link in a path (as Kubernetes swaps a ConfigMap), by being
// written to, or by being removed. changed is called from Run's own goroutine,
// one call at a time.
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
		case <-w.events.Errors: // events may have been lost: look
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

// check looks at the files, and says whether they differ from what was told of
// last, and how long they must still be left alone before that counts. Unless
// whole is true, what a file holds is taken for unchanged while its size, time
// and inode are.
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

// within cuts a wait to what is left of the longest one.
func (w *Watcher) limitDelay(wait time.Duration) time.Duration {
	if w.pace.maxDelay > 0 && !w.pendingSince.IsZero() {
		wait = min(wait, w.pace.maxDelay-time.Since(w.pendingSince))
	}
	return max(wait, 0)
}

// exchange takes what [Watcher.Watch] asked for last.
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

// follow watches the directories of the files as their links lead now, and no
// others. One that cannot be watched is still polled.
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
