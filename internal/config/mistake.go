package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a configuration file. Line and Column count from 1; the
// zero Pos is no place at all (the environment has none).
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

// Mistake is one thing wrong with a configuration: where, and what to write
// instead. Text is lower case, has no full stop, and quotes values with %q.
type Mistake struct {
	Pos  Pos
	Text string
}

// Error renders `FILE:LINE:COL: what is wrong, and what to write instead`.
func (m Mistake) Error() string { return m.Pos.String() + ": " + m.Text }

// Mistakes is everything wrong with a configuration, never empty when it is
// returned as an error.
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

// Mistake makes a mistake at the value that path names (`routes[2].match`), or
// at its nearest parent that the file has. It is how the packages that give
// config values their meaning report what is wrong with one.
func (c *Config) Mistake(path, format string, args ...any) Mistake {
	return Mistake{Pos: c.At(path), Text: fmt.Sprintf(format, args...)}
}

// MistakeWithin makes a mistake at a place inside the text that path names, such
// as an error in a condition; the path begins its text. Line counts from 1 and column from 0, in
// characters of the text. Where the file has the text in another form than it
// means (folded, or with escapes over several lines), or the text has no such
// place, it is where the text begins.
func (c *Config) MistakeWithin(path string, line, column int, format string, args ...any) Mistake {
	m := c.Mistake(path, "%s: %s", inFile(c.roots, path), fmt.Sprintf(format, args...))
	if text, ok := c.texts[path]; ok {
		m.Pos = text.pos(line, column)
	}
	return m
}

// At returns the place of the value that path names, or of its nearest parent
// that the file has.
func (c *Config) At(path string) Pos { return nearest(c.positions, c.Source, path) }

// nearest is the place of path or of its nearest parent in positions, whose
// root is the empty path.
func nearest(positions map[string]Pos, source, path string) Pos {
	for {
		if p, ok := positions[path]; ok {
			return p
		}
		if path == "" {
			return Pos{File: source}
		}
		cut := max(strings.LastIndexAny(path, ".["), 0)
		if root := strings.LastIndex(path, fileMark) + len(fileMark); root > cut && root < len(path) {
			if _, ok := positions[path[:root]]; ok { // the whole of an included file, in whose name there are dots
				cut = root
			}
		}
		path = path[:cut]
	}
}
