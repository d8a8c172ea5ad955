package demo

import (
	"fmt"
	"io"
	"strings"

	"github.com/jwtgate/jwtgate/internal/terminal"
)

// printer writes the tour's lines.
type printer struct {
	out   io.Writer
	color bool
}

// line writes one line. It ignores errors, which could not be shown to the user.
func (p *printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

// paint colours text, if colours are enabled.
func (p *printer) paint(color terminal.Color, text string) string {
	return terminal.Palette(p.color).Paint(color, text)
}

// heading prints the heading of a part of the tour.
func (p *printer) heading(title, detail string) {
	if detail != "" {
		detail = "  " + p.paint(terminal.Dim, detail)
	}
	p.line("%s%s", p.paint(terminal.Bold, title), detail)
}

// sentWidth is the width of the column that describes the request.
const sentWidth = 41

// good prints the line of a step that passed.
func (p *printer) good(sent, came, note string) {
	if note != "" {
		note = p.paint(terminal.Dim, ", "+note)
	}
	p.line("  %s %-*s %s%s", p.paint(terminal.Green, "✓"), sentWidth, sent, came, note)
}

// bad prints the two lines of a step that failed.
func (p *printer) bad(sent, want, got string) {
	p.line("  %s %-*s expected %s", p.paint(terminal.Red, "✗"), sentWidth, sent, want)
	p.line("    %-*s %s", sentWidth, "", p.paint(terminal.Red, "but got  "+got))
}

// command prints a command for the user, under its purpose.
func (p *printer) command(what, command string) {
	p.line("  %s", p.paint(terminal.Dim, "# "+what))
	p.line("  %s", command)
}

// quoted quotes a word for a shell, if necessary.
func quoted(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
