package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// A diff shows a line of at most 140 columns whole. A tab counts as one column.
func TestLinesHaveAtMost140Columns(t *testing.T) {
	const most = 140
	for _, s := range sources(t) {
		text, err := os.ReadFile(filepath.Join(root, s.name))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if utf8.RuneCountInString(line) > most {
				t.Errorf("%s:%d is longer than %d columns", s.name, i+1, most)
			}
		}
	}
}

// No code but that of tests imports unsafe.
func TestNoUnsafe(t *testing.T) {
	for _, s := range code(sources(t)) {
		for _, spec := range s.Imports {
			if imported(spec) == "unsafe" {
				t.Errorf("%s: package unsafe is imported", s.at(spec))
			}
		}
	}
}
