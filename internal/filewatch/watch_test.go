package filewatch_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// watched watches files and returns a channel of reported changes.
func watched(t *testing.T, files ...string) <-chan struct{} {
	t.Helper()
	return run(t, watcher(t, filewatch.New, files...))
}

func watcher(t *testing.T, begin func(...string) (*filewatch.Watcher, error), files ...string) *filewatch.Watcher {
	t.Helper()
	w, err := begin(files...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs a watcher until the test ends and returns a channel of reported changes.
func run(t *testing.T, w *filewatch.Watcher) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	calls, ended := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx, func() { calls <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return calls
}

func called(t *testing.T, calls <-chan struct{}) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(30 * time.Second):
		t.Fatal("the change was not reported")
	}
}

func TestWatch(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir, file string){
		"written to": func(t *testing.T, _, file string) { testutil.Write(t, file, "other content") },
		"replaced by a rename": func(t *testing.T, dir, file string) {
			testutil.Write(t, filepath.Join(dir, "new"), "new content")
			if err := os.Rename(filepath.Join(dir, "new"), file); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(t *testing.T, _, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "jwtgate.yaml")
			testutil.Write(t, file, "content")
			calls := watched(t, file)
			change(t, dir, file)
			called(t, calls)
		})
	}
}

// TestWatchConfigMap: Kubernetes replaces a link to a directory; the link with the name
// of the file stays the same.
func TestWatchConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"..1", "..2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		testutil.Write(t, filepath.Join(dir, version, "jwtgate.yaml"), "same size "+version)
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", "..data")
	link(filepath.Join("..data", "jwtgate.yaml"), "jwtgate.yaml")
	calls := watched(t, filepath.Join(dir, "jwtgate.yaml"))
	link("..2", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	called(t, calls)
}

// TestWatchIgnoresOthers: changes of other files are not reported.
func TestWatchIgnoresOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "jwtgate.yaml")
	testutil.Write(t, file, "content")
	calls := watched(t, file)
	testutil.Write(t, filepath.Join(dir, "other.yaml"), "content")
	testutil.Write(t, file, "changed after the other one")
	called(t, calls)
	select {
	case <-calls:
		t.Error("a second change was reported")
	case <-time.After(500 * time.Millisecond):
	}
}

// TestWatchSameSizeAndTime: a change is reported even if the new file has the size and
// time of the old one.
func TestWatchSameSizeAndTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "jwtgate.yaml")
	testutil.Write(t, file, "groups: [admin]")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	calls := watched(t, file)
	testutil.Write(t, file+".new", "groups: [owner]")
	if err := os.Chtimes(file+".new", info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	called(t, calls)
}

// TestWatchWaitsForTheWholeFile: no change is reported while a writer is still writing.
func TestWatchWaitsForTheWholeFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jwtgate.yaml")
	testutil.Write(t, file, "the old file")
	w, err := filewatch.New(file)
	if err != nil {
		t.Fatal(err)
	}
	filewatch.SetWriteDelay(w, 4*time.Second) // far longer than a slow machine pauses
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan string, 10)
	var watching sync.WaitGroup
	watching.Go(func() {
		w.Run(ctx, func() {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			seen <- string(text)
		})
	})
	defer watching.Wait()
	defer cancel()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	for _, part := range []string{"one, ", "two, ", "three"} {
		if _, err := out.WriteString(part); err != nil {
			t.Fatal(err)
		}
		select {
		case text := <-seen:
			t.Fatalf("an incomplete file was reported: %q", text)
		case <-time.After(200 * time.Millisecond):
		}
	}
	select {
	case text := <-seen:
		if text != "one, two, three" {
			t.Errorf("got %q", text)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the change was not reported")
	}
}
