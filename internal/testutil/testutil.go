// Package testutil has what the tests of several packages share. Nothing that is
// shipped imports it.
//
// Invariants:
//
//  1. A reader of a named pipe without a writer is released (TestNamedPipe).
//  2. No program outlives the test that started it (TestStartEndsWithTheTest).
//  3. No port is given out twice (TestFreeAddress).
package testutil

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Files writes files, by their names, below a new directory, and returns the
// directory.
func Files(t testing.TB, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		Write(t, name, text)
	}
	return dir
}

// File writes a file into a new directory, and returns its name.
func File(t testing.TB, name, text string) string {
	t.Helper()
	return filepath.Join(Files(t, map[string]string{name: text}), name)
}

// Replace renames a new file into a file's place, as editors do.
func Replace(t testing.TB, name, text string) {
	t.Helper()
	Write(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// Write writes a file.
func Write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// NamedPipe makes a named pipe that has no writer, and returns its name. A program that
// waits for one is released after 5 s, or when the test ends, and reads nothing.
func NamedPipe(t testing.TB, name string) string {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	release := func() {
		if info, err := os.Lstat(name); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			return // there is something else in its place by now
		}
		if writer, err := os.OpenFile(name, os.O_RDWR, 0); err == nil {
			_, _ = os.Remove(name), writer.Close()
		}
	}
	after := time.AfterFunc(5*time.Second, release)
	t.Cleanup(func() {
		if after.Stop() {
			release()
		}
	})
	return name
}
