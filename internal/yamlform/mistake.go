package yamlform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pos is a place in a file. Line and Column count from 1; the zero Pos is no
// place at all.
type Pos struct {
	File         string
	Line, Column int
}

// String renders FILE:LINE:COL, or only the file when there is no line.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return "config"
	case p.Line == 0:
		return p.File
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Mistake is one thing wrong with a file: where, and what to write instead. Text
// is lower case, has no full stop, and quotes values with %q.
type Mistake struct {
	Pos  Pos
	Text string
}

// Error renders `FILE:LINE:COL: what is wrong, and what to write instead`.
func (m Mistake) Error() string { return m.Pos.String() + ": " + m.Text }

// Mistakes is everything wrong with a file, never empty when it is returned as an
// error.
type Mistakes []Mistake

// Error renders one mistake a line, in the order of their places.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the mistakes in the order of their places, each once.
func (m Mistakes) Sorted() Mistakes {
	sorted := slices.Clone(m)
	slices.SortStableFunc(sorted, func(a, b Mistake) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
		)
	})
	return slices.Compact(sorted)
}

// Places is where the values of a file are, and of those that it includes.
type Places struct {
	source    string
	positions map[string]Pos  // path of a value that the file has -> its place
	texts     map[string]text // path of a text that mistakes can be inside of
	roots     []string        // what the paths of values in included files begin with
}

// NewPlaces returns the places of a source in which no value has one.
func NewPlaces(source string) *Places {
	return &Places{source: source, positions: map[string]Pos{}, texts: map[string]text{}}
}

// Mistake makes a mistake at the value that path names (`routes[2].match`), or
// at its nearest parent that the file has.
func (p *Places) Mistake(path, format string, args ...any) Mistake {
	return Mistake{Pos: p.At(path), Text: fmt.Sprintf(format, args...)}
}

// text is a text that mistakes can be inside of.
type text struct {
	value string
	plain bool // the file has it without quotes, on one line
}

// MistakeWithin makes a mistake at a place inside the text that path names, such
// as an error in a condition; the path begins its text. Line counts from 1 and
// column from 0, in characters of the text. The mistake is at that very place
// where the file has the text without quotes on one line. Elsewhere it is at the
// beginning of the text, and says the place in words, with noun for the text.
func (p *Places) MistakeWithin(path, noun string, line, column int, format string, args ...any) Mistake {
	m := p.Mistake(path, "%s: %s", p.pathInFile(path), fmt.Sprintf(format, args...))
	in, ok := p.texts[path]
	if !ok || line < 1 || column < 0 {
		return m
	}
	lines := strings.Split(strings.TrimRight(in.value, "\n"), "\n")
	if line > len(lines) {
		line, column = len(lines), len(in.value)
	}
	column = min(column, utf8.RuneCountInString(lines[line-1]))
	switch {
	case in.plain:
		m.Pos.Column += column
		return m
	case line == 1 && column == 0:
		return m
	}
	m.Text = fmt.Sprintf("%s: line %d, column %d of the %s: %s", p.pathInFile(path), line, column+1, noun, fmt.Sprintf(format, args...))
	return m
}

// inFile is a path without what it begins with in an included file.
func (p *Places) pathInFile(path string) string {
	for _, root := range p.roots {
		if inside, ok := strings.CutPrefix(path, root); ok {
			return inside
		}
	}
	return path
}

// At returns the place of the value that path names, or of its nearest parent
// that the file has.
func (p *Places) At(path string) Pos {
	for {
		if at, ok := p.positions[path]; ok {
			return at
		}
		if path == "" {
			return Pos{File: p.source}
		}
		cut := max(strings.LastIndexAny(path, ".["), 0)
		if root := strings.LastIndex(path, fileMark) + len(fileMark); root > cut && root < len(path) {
			if _, ok := p.positions[path[:root]]; ok { // the whole of an included file, in whose name there are dots
				cut = root
			}
		}
		path = path[:cut]
	}
}
