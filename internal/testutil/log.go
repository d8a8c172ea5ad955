package testutil

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log receives JSON log lines, which a test reads and waits for. Make one with [NewLog].
// It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next Write
}

// NewLog returns an empty log.
func NewLog() *Log { return &Log{changed: make(chan struct{})} }

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(p)
}

// String returns the whole log.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines returns the lines with this message.
func (l *Log) Lines(t testing.TB, msg string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q is not a JSON line", text)
		}
		if line["msg"] == msg {
			found = append(found, line)
		}
	}
	return found
}

// Wait waits for a line with this message, and returns the first. The test fails if the
// writer ends without it; nil: the writer does not end.
func (l *Log) Wait(t testing.TB, ended <-chan struct{}, msg string) map[string]any {
	t.Helper()
	l.Until(t, ended, msg, func() bool { return len(l.Lines(t, msg)) > 0 })
	return l.Lines(t, msg)[0]
}

// Until waits until a condition is true. It evaluates it after each line. The test fails
// if the writer ends first.
func (l *Log) Until(t testing.TB, ended <-chan struct{}, what string, condition func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for over := false; ; {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		switch {
		case condition():
			return
		case over:
			t.Fatalf("ended without %q:\n%s", what, l)
		}
		select {
		case <-changed:
		case <-ended:
			over = true
		case <-limit:
			t.Fatalf("timeout waiting for %q:\n%s", what, l)
		}
	}
}
