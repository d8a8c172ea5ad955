package yamlform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pos is a position in a file. Line and Column count from 1. The zero Pos is an
// unknown position.
type Pos struct {
	File         string
	Line, Column int
}

// String returns FILE:LINE:COL, or only the file if the line is unknown.
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

// Mistake is one mistake in a file. Text says what is wrong and what was expected.
// It begins in lower case, has no full stop, and quotes values with %q.
type Mistake struct {
	Pos  Pos
	Text string
}

// Error returns the position and the text.
func (m Mistake) Error() string { return m.Pos.String() + ": " + m.Text }

// Mistakes is all mistakes in a file. It is never empty when it is returned as an
// error.
type Mistakes []Mistake

// Error returns one line for each mistake, in order.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the mistakes ordered by position, without duplicates.
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

// Places holds the positions of the values of a file and of the files that it
// includes.
type Places struct {
	source    string
	positions map[string]Pos  // path of a value that the file has -> its position
	texts     map[string]text // path of a Verbatim text -> the text
	roots     []string        // prefixes of the paths of values in included files
}

// NewPlaces returns the Places of a source that has no positions, such as the
// environment.
func NewPlaces(source string) *Places {
	return &Places{source: source, positions: map[string]Pos{}, texts: map[string]text{}}
}

// Mistake returns a mistake in the value at path, such as `routes[2].match`. If the
// file has no such value, the position is that of its nearest parent.
func (p *Places) Mistake(path, format string, args ...any) Mistake {
	return Mistake{Pos: p.At(path), Text: fmt.Sprintf(format, args...)}
}

// text is the value of a [Verbatim] codec.
type text struct {
	value string
	plain bool // written without quotes on one line
}

// MistakeWithin returns a mistake at a position inside the [Verbatim] text at path,
// such as a syntax error in a condition. Its text begins with the path. Line counts
// from 1 and column from 0, in characters of the text. If the file has the text
// without quotes on one line, the mistake has the exact position. Otherwise it has
// the position of the whole text, and its own text names the line and column of the
// noun.
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

// pathInFile returns a path as it appears in a mistake, whose Pos already names the
// file: without the prefix of an included file.
func (p *Places) pathInFile(path string) string {
	for _, root := range p.roots {
		if inside, ok := strings.CutPrefix(path, root); ok {
			return inside
		}
	}
	return path
}

// At returns the position of the value at path, or of its nearest parent that the
// file has.
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
			if _, ok := p.positions[path[:root]]; ok { // the root of an included file, whose name may contain dots
				cut = root
			}
		}
		path = path[:cut]
	}
}
