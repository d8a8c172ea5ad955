package filewatch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// silent fails the test if a change is reported within some time.
func silent(t *testing.T, calls <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-calls:
		t.Errorf("a change was reported: %s", why)
	case <-time.After(1500 * time.Millisecond): // longer than the delay after a write
	}
}

// rename replaces a file with a new one that contains this text.
func rename(t *testing.T, file, text string) {
	t.Helper()
	testutil.Write(t, file+".new", text)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func grow(t *testing.T, file, text string) {
	t.Helper()
	out, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	if _, err := out.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestWatchPatterns: every change of files that match a pattern is reported, including
// new files.
func TestWatchPatterns(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"a new file":                func(t *testing.T, dir string) { testutil.Write(t, filepath.Join(dir, "routes.d", "new.yaml"), "new") },
		"a new file, put in place":  func(t *testing.T, dir string) { rename(t, filepath.Join(dir, "routes.d", "new.yaml"), "new") },
		"one that changes":          func(t *testing.T, dir string) { testutil.Write(t, filepath.Join(dir, "routes.d", "a.yaml"), "other") },
		"one in an odd directory":   func(t *testing.T, dir string) { testutil.Write(t, filepath.Join(dir, "o[d]d", "a.yaml"), "other") },
		"a name that is no pattern": func(t *testing.T, dir string) { testutil.Write(t, filepath.Join(dir, "o[d]d", "b[1].yaml"), "other") },
		"one that goes": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "routes.d", "a.yaml")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testutil.Files(t, map[string]string{"routes.d/a.yaml": "a", "o[d]d/a.yaml": "a", "o[d]d/b[1].yaml": "b"})
			calls := watched(t, filepath.Join(dir, "routes.d", "*.yaml"), filepath.Join(dir, `o\[d\]d`, "*.yaml"),
				filepath.Join(dir, "o[d]d", "b[1].yaml"))
			testutil.Write(t, filepath.Join(dir, "routes.d", "a.txt"), "not watched")
			change(t, dir)
			called(t, calls)
			silent(t, calls, "it was already reported")
		})
	}
}

// TestWatchPipe: the watcher does not read a pipe.
func TestWatchPipe(t *testing.T) {
	name := testutil.NamedPipe(t, filepath.Join(t.TempDir(), "pipe"))
	calls := watched(t, name)
	rename(t, name, "a file in its place")
	called(t, calls)
}

// TestWatchOthers: the watched files can be replaced while watching, and a change
// between reading a file and calling Watch is not lost.
func TestWatchOthers(t *testing.T) {
	t.Parallel()
	dir := testutil.Files(t, map[string]string{"gate.yaml": "a", "routes.d/a.yaml": "a", "other.d/a.yaml": "a"})
	gate, routes, other := filepath.Join(dir, "gate.yaml"), filepath.Join(dir, "routes.d", "*.yaml"), filepath.Join(dir, "other.d", "*.yaml")
	w := watcher(t, filewatch.NewPrompt, gate)
	calls := run(t, w)
	// The watcher cannot know whether a new file changed before the call.
	w.Watch(gate, routes)
	called(t, calls)
	silent(t, calls, "the new files are reported once")
	w.Watch(gate, routes)
	silent(t, calls, "the same files once more")
	testutil.Write(t, filepath.Join(dir, "routes.d", "b.yaml"), "b")
	called(t, calls)
	w.Watch(gate)
	testutil.Write(t, filepath.Join(dir, "routes.d", "b.yaml"), "c")
	silent(t, calls, "a file that is watched no longer")
	w.Watch(other)
	called(t, calls)
	testutil.Write(t, gate, "b")
	silent(t, calls, "the config is watched no longer")
	testutil.Write(t, filepath.Join(dir, "other.d", "a.yaml"), "b")
	called(t, calls)
}

// TestWatchOthersKeepsChanges: a change of a file that stays watched is not lost if
// other files are no longer watched.
func TestWatchOthersKeepsChanges(t *testing.T) {
	t.Parallel()
	dir := testutil.Files(t, map[string]string{"gate.yaml": "a", "routes.d/a.yaml": "a"})
	w := watcher(t, filewatch.New, filepath.Join(dir, "gate.yaml"), filepath.Join(dir, "routes.d", "*.yaml"))
	if err := os.Remove(filepath.Join(dir, "routes.d", "a.yaml")); err != nil {
		t.Fatal(err)
	}
	w.Watch(filepath.Join(dir, "routes.d", "*.yaml"))
	called(t, run(t, w))
}

// TestWatchInsideChanged: changed may call Watch.
func TestWatchInsideChanged(t *testing.T) {
	t.Parallel()
	dir := testutil.Files(t, map[string]string{"gate.yaml": "a"})
	gate := filepath.Join(dir, "gate.yaml")
	w := watcher(t, filewatch.NewPrompt, gate)
	calls, ended := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(t.Context(), func() {
			w.Watch(gate, filepath.Join(dir, "*.more"))
			calls <- struct{}{}
		})
	}()
	rename(t, gate, "b")
	called(t, calls)
	called(t, calls) // the pattern was not watched before
	testutil.Write(t, filepath.Join(dir, "a.more"), "a")
	called(t, calls)
	t.Cleanup(func() { <-ended }) // the context of the test ends before
}

// TestPromptWatch: NewPrompt reports every kind of change within a second, with and
// without events, before the next full read.
func TestPromptWatch(t *testing.T) {
	const soon = 3 * time.Second // one second, and two for a slow machine
	for name, change := range map[string]func(t *testing.T, file string){
		"replaced":           func(t *testing.T, file string) { rename(t, file, "other") },
		"appended to":        func(t *testing.T, file string) { grow(t, file, "more") },
		"rewritten in place": func(t *testing.T, file string) { testutil.Write(t, file, "rewritten") },
		"the same length":    func(t *testing.T, file string) { testutil.Write(t, file, "CONTENT") },
		"removed": func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for events, deaf := range map[string]bool{"with events": false, "without events": true} {
			t.Run(name+", "+events, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "revoked.jsonl")
				testutil.Write(t, file, "content")
				early := time.Now().Add(-time.Hour)
				if err := os.Chtimes(file, early, early); err != nil {
					t.Fatal(err)
				}
				w := watcher(t, filewatch.NewPrompt, file)
				if deaf {
					filewatch.DropEvents(w)
				}
				calls := run(t, w)
				change(t, file)
				begin := time.Now()
				called(t, calls)
				if took := time.Since(begin); took > soon {
					t.Errorf("took %s", took)
				}
			})
		}
	}
}

// TestPromptWatchHiddenChange: a change is reported even if size, time and inode stay
// the same and there is no event.
func TestPromptWatchHiddenChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "revoked.jsonl")
	testutil.Write(t, file, "content")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	w := watcher(t, filewatch.NewPrompt, file)
	filewatch.DropEvents(w)
	calls := run(t, w)
	testutil.Write(t, file, "CONTENT")
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	called(t, calls)
}

// TestPromptWatchBusyFile: a file that keeps changing is reported repeatedly, with and
// without events.
func TestPromptWatchBusyFile(t *testing.T) {
	for events, deaf := range map[string]bool{"with events": false, "without events": true} {
		t.Run(events, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "revoked.jsonl")
			testutil.Write(t, file, "content")
			w := watcher(t, filewatch.NewPrompt, file)
			if deaf {
				filewatch.DropEvents(w)
			}
			calls := run(t, w)
			busy := time.NewTicker(20 * time.Millisecond)
			defer busy.Stop()
			end := time.After(30 * time.Second)
			for seen := 0; seen < 2; {
				select {
				case <-busy.C:
					grow(t, file, "more\n")
				case <-calls:
					seen++
				case <-end:
					t.Fatalf("%d changes were reported for a file that keeps changing", seen)
				}
			}
		})
	}
}
