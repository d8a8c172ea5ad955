package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// longLines are the packages that still have lines over the limit, with the largest
// number of such lines. The numbers only go down; a package without such lines leaves
// the list.
func longLines() map[string]int {
	return map[string]int{
		"internal/audit":      12,
		"internal/extauthz":   63,
		"internal/token":      82,
		"internal/tokencache": 3,
	}
}

// A diff shows a line of at most 140 columns whole. A tab counts as one column.
func TestLinesHaveAtMost140Columns(t *testing.T) {
	const most = 140
	long := map[string][]string{}
	for _, s := range sources(t) {
		text, err := os.ReadFile(filepath.Join(root, s.name))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if utf8.RuneCountInString(line) > most {
				long[s.dir] = append(long[s.dir], s.name+":"+itoa(i+1))
			}
		}
	}
	for dir, places := range long {
		if allowed := longLines()[dir]; len(places) > allowed {
			t.Errorf("%s has %d lines over %d columns, want at most %d: %s", dir, len(places), most, allowed, strings.Join(places, " "))
		}
	}
}

// unsafeImports are the files that still import unsafe.
func unsafeImports() map[string]bool {
	return nil
}

func TestNoUnsafe(t *testing.T) {
	for _, s := range code(sources(t)) {
		for _, spec := range s.Imports {
			if imported(spec) == "unsafe" && !unsafeImports()[s.name] {
				t.Errorf("%s: package unsafe is imported", s.at(spec))
			}
		}
	}
}
