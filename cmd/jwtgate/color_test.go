package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestColored(t *testing.T) {
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, row := range []struct {
		name     string
		out      io.Writer
		env      map[string]string
		want     bool
		terminal bool
	}{
		{"a terminal", terminal, nil, true, true},
		{"NO_COLOR empty", terminal, map[string]string{"NO_COLOR": ""}, true, true},
		{"NO_COLOR", terminal, map[string]string{"NO_COLOR": "1"}, false, true},
		{"a dumb terminal", terminal, map[string]string{"TERM": "dumb"}, false, true},
		{"a file", file, nil, false, false},
		{"no file at all", io.Discard, nil, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			getenv := func(name string) (string, bool) { value, ok := row.env[name]; return value, ok }
			if got := colored(row.out, getenv); got != row.want {
				t.Errorf("colored: %v, want %v", got, row.want)
			}
			if got := isTerminal(row.out); got != row.terminal {
				t.Errorf("a terminal: %v, want %v", got, row.terminal)
			}
		})
	}
}
