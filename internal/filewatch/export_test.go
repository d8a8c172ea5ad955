package filewatch

import "time"

// LeaveAloneFor sets how long a file that was written to must be left alone
// before it counts.
func LeaveAloneFor(w *Watcher, written time.Duration) { w.pace.written = written }

// Deafen takes a watcher its events away, until it tells of a change.
func Deafen(w *Watcher) {
	for _, dir := range w.events.WatchList() {
		_ = w.events.Remove(dir)
	}
}

// Look is what was seen of files.
type Look = look

// LookAt looks at one file.
func LookAt(name string) Look { return look{name: read(name)} }

// Torn is the same look, but that the file held this when it was read.
func (l look) Torn(name, content string) Look {
	torn := l[name]
	torn.content = content
	return look{name: torn}
}

// Replaced is replaced.
func (l look) Replaced(before Look) bool { return l.replaced(before) }
