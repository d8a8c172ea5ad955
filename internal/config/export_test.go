package config

import "time"

// LeaveAloneFor sets how long a file that was written to must be left alone
// before it counts.
func LeaveAloneFor(w *Watcher, written time.Duration) { w.written = written }
