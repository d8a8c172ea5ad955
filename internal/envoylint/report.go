package envoylint

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/terminal"
)

// Report is the result for a file.
type Report struct {
	File     string
	Findings []Finding // in the order of the file
	Managers int       // HTTP connection managers that were checked
	Idle     int       // HTTP connection managers that reach no application
	Skipped  []string  // outbound listeners of a sidecar
}

// Failed reports whether there are findings other than notes.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Note })
}

// Layout is the form of a report. The zero value is text for other programs.
type Layout struct {
	Terminal bool // three lines for each finding, else one
	Color    bool // with terminal colours
}

// paint adds a colour to a text.
func (l Layout) paint(color terminal.Color, text string) string {
	return terminal.Palette(l.Color).Paint(color, text)
}

// render writes a finding in one line, `FILE:LINE:COL: path: what is wrong; why; what to
// write (id)`, or in three.
func (f Finding) render(l Layout) string {
	note := ""
	if f.Note {
		note = "note: "
	}
	code := map[Severity]terminal.Color{Hole: terminal.Red, Outage: terminal.Yellow, Note: terminal.Dim}[f.severity()]
	place, note := l.paint(terminal.Bold, printable(f.Pos.String())), l.paint(code, note)
	path, id := l.paint(terminal.Dim, printable(cmp.Or(f.Path, "the file"))), l.paint(terminal.Dim, "("+f.Rule.ID+")")
	what := l.paint(code, printable(f.Text)) + "; " + f.Rule.Why
	fix := printable(f.Fix)
	if l.Terminal {
		return fmt.Sprintf("%s: %s%s %s\n  %s\n  %s", place, note, path, id, what, fix)
	}
	return fmt.Sprintf("%s: %s%s: %s; %s %s", place, note, path, what, fix, id)
}

// severity is the severity of a finding on its platform.
func (f Finding) severity() Severity {
	if f.Note {
		return Note
	}
	return f.Rule.Severity
}

// WriteText writes each finding, and a summary line.
func (r *Report) WriteText(w io.Writer, layout Layout) error {
	counts := map[Severity]int{}
	for _, f := range r.Findings {
		counts[f.severity()]++
		if _, err := fmt.Fprintln(w, f.render(layout)); err != nil {
			return err
		}
	}
	checked := terminal.Count(r.Managers, "HTTP connection manager") + " checked"
	var found []string
	for _, severity := range []Severity{Hole, Outage, Note} {
		if n := counts[severity]; n > 0 {
			found = append(found, terminal.Count(n, string(severity)))
		}
	}
	if len(found) == 0 {
		found = []string{"nothing found"}
	}
	if r.Idle > 0 {
		checked += fmt.Sprintf(", %d without an application", r.Idle)
	}
	if n := len(r.Skipped); n > 0 {
		checked += fmt.Sprintf("; skipped %s of this sidecar: %s", terminal.Count(n, "outbound listener"), printable(some(r.Skipped)))
	}
	_, err := fmt.Fprintf(w, "%s: %s (%s)\n", printable(r.File), strings.Join(found, ", "), checked)
	return err
}
