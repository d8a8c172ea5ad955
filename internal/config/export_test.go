package config

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
