package yamlform

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// scalarText is a text in the file that mistakes can be inside of.
type scalarText struct {
	node  *yaml.Node
	at    Pos      // where it begins
	lines []string // of the file
}

// pos is the place of a character of the text: line from 1, column from 0. What
// lies behind the text is its end.
func (t scalarText) pos(line, column int) Pos {
	text := strings.Split(strings.TrimRight(t.node.Value, "\n"), "\n")
	if line < 1 || column < 0 {
		return t.at
	}
	if line > len(text) {
		line, column = len(text), utf8.RuneCountInString(text[len(text)-1])
	}
	column = min(column, utf8.RuneCountInString(text[line-1]))
	at, ok := t.at, false
	switch style := t.node.Style; {
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		at, ok = t.block(line, text[line-1])
		at.Column += column
	default:
		var widths []int
		widths, ok = t.widths()
		for _, before := range text[:line-1] {
			column += utf8.RuneCountInString(before) + 1
		}
		for _, width := range widths[:min(column, len(widths))] {
			at.Column += width
		}
		if style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			at.Column++
		}
	}
	if !ok {
		return t.at
	}
	return at
}

// block is where a line of a block scalar begins. It holds only where the file
// has that line as the text has it: a folded one joins lines.
func (t scalarText) block(line int, text string) (Pos, bool) {
	at := Pos{File: t.at.File, Line: t.node.Line + line}
	if at.Line > len(t.lines) {
		return at, false
	}
	indent, ok := strings.CutSuffix(t.lines[at.Line-1], text)
	at.Column = len(indent) + 1
	return at, ok && strings.Trim(indent, " ") == ""
}

// widths is how many characters of the file each character of a text on one
// line takes; false where the text is not on one line.
func (t scalarText) widths() ([]int, bool) {
	line := []rune(t.lines[t.node.Line-1])
	rest := string(line[min(t.node.Column-1, len(line)):])
	var widths []int
	switch style := t.node.Style; {
	case style&yaml.SingleQuotedStyle != 0:
		rest = strings.TrimPrefix(rest, "'")
		for _, r := range t.node.Value {
			written := string(r)
			if r == '\'' {
				written = "''" // YAML 1.2.2, section 7.3.2
			}
			widths = append(widths, utf8.RuneCountInString(written))
			var ok bool
			if rest, ok = strings.CutPrefix(rest, written); !ok {
				return nil, false
			}
		}
		return widths, strings.HasPrefix(rest, "'")
	case style&yaml.DoubleQuotedStyle != 0:
		return escapes(strings.TrimPrefix(rest, `"`), t.node.Value)
	default:
		return slices.Repeat([]int{1}, utf8.RuneCountInString(t.node.Value)), strings.HasPrefix(rest, t.node.Value)
	}
}

// escapes is widths for a double-quoted text, of which rest begins with what
// stands between the quotes. It knows the escapes that people write (YAML 1.2.2,
// section 5.7).
func escapes(rest, value string) ([]int, bool) {
	var widths []int
	for _, want := range value {
		got, size := utf8.DecodeRuneInString(rest)
		width := 1
		if got == '\\' && len(rest) > 1 {
			got, width = escape(rest[1:])
			size = width
		} else if got == '"' {
			return nil, false
		}
		if got != want || size > len(rest) {
			return nil, false
		}
		widths, rest = append(widths, width), rest[size:]
	}
	return widths, strings.HasPrefix(rest, `"`)
}

// escape reads the escape behind a backslash, and says how many bytes it has with
// it.
func escape(rest string) (rune, int) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[rest[0]]
	if digits > 0 && len(rest) > digits {
		code, err := strconv.ParseUint(rest[1:1+digits], 16, 31)
		if err == nil {
			return rune(code), 2 + digits
		}
	}
	switch rest[0] {
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case '"', '\\', '/', ' ':
		return rune(rest[0]), 2
	}
	return utf8.RuneError, 2
}
