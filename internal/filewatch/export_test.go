package filewatch

import "time"

// LeaveAloneFor sets how long a file that was written to must be left alone
// before it counts.
func SetWriteDelay(w *Watcher, written time.Duration) { w.pace.writeDelay = written }

// Deafen takes a watcher its events away, until it tells of a change.
func DropEvents(w *Watcher) {
	for _, dir := range w.events.WatchList() {
		_ = w.events.Remove(dir)
	}
}

// Look is what was seen of files.
type Snapshot = snapshot

// LookAt looks at one file.
func SnapshotOf(name string) Snapshot { return snapshot{name: read(name)} }

// Torn is the same look, but that the file held this when it was read.
func (l snapshot) WithContent(name, content string) Snapshot {
	torn := l[name]
	torn.content = content
	return snapshot{name: torn}
}

// Replaced is replaced.
func (l snapshot) Replaced(before Snapshot) bool { return l.replaced(before) }
