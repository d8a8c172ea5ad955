package filewatch

import "time"

// SetWriteDelay sets the delay after a write to a file.
func SetWriteDelay(w *Watcher, written time.Duration) { w.pace.writeDelay = written }

// DropEvents makes a watcher receive no events until it reports a change.
func DropEvents(w *Watcher) {
	for _, dir := range w.events.WatchList() {
		_ = w.events.Remove(dir)
	}
}

// Snapshot is a snapshot of files.
type Snapshot = snapshot

// SnapshotOf returns a snapshot of one file.
func SnapshotOf(name string) Snapshot { return snapshot{name: read(name)} }

// WithContent is the same snapshot, but with other content that was read.
func (l snapshot) WithContent(name, content string) Snapshot {
	torn := l[name]
	torn.content = content
	return snapshot{name: torn}
}

// Replaced calls replaced.
func (l snapshot) Replaced(before Snapshot) bool { return l.replaced(before) }
