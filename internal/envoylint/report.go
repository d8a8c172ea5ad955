package envoylint

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/terminal"
)

// Report is what was found in a file.
type Report struct {
	File     string
	Findings []Finding // in the order of the file
	Managers int       // HTTP connection managers that were looked at
	Idle     int       // those that were not, since they reach no application
	Skipped  []string  // listeners that were not: a sidecar's, for what its application calls
}

// Failed reports whether there is a finding that is no note.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Note })
}

// Layout is how a report is written. The zero value: as text for other programs.
type Layout struct {
	Terminal bool // three lines for each finding, for people; else one
	Color    bool // by terminal colours
}

// paint puts a colour around a text.
func (l Layout) paint(color terminal.Color, text string) string {
	return terminal.Palette(l.Color).Paint(color, text)
}

// String renders `FILE:LINE:COL: path: what is wrong; why; what to write (id)`.
func (f Finding) String() string { return f.render(Layout{}) }

// render writes a finding in one line, or in three: where, what, and the mend.
func (f Finding) render(l Layout) string {
	note := ""
	if f.Note {
		note = "note: "
	}
	code := map[Opens]terminal.Color{Hole: terminal.Red, Outage: terminal.Yellow, Remark: terminal.Dim}[f.opens()]
	place, note := l.paint(terminal.Bold, printable(f.Pos.String())), l.paint(code, note)
	path, id := l.paint(terminal.Dim, printable(cmp.Or(f.Path, "the file"))), l.paint(terminal.Dim, "("+f.Rule.ID+")")
	what := l.paint(code, printable(f.Text)) + "; " + f.Rule.Why
	mend := printable(f.Mend)
	if l.Terminal {
		return fmt.Sprintf("%s: %s%s %s\n  %s\n  %s", place, note, path, id, what, mend)
	}
	return fmt.Sprintf("%s: %s%s: %s; %s %s", place, note, path, what, mend, id)
}

// opens is what a finding costs on its platform.
func (f Finding) opens() Opens {
	if f.Note {
		return Remark
	}
	return f.Rule.Opens
}

// WriteText writes each finding, and a line that counts them.
func (r *Report) WriteText(w io.Writer, layout Layout) error {
	counts := map[Opens]int{}
	for _, f := range r.Findings {
		counts[f.opens()]++
		if _, err := fmt.Fprintln(w, f.render(layout)); err != nil {
			return err
		}
	}
	looked := terminal.Count(r.Managers, "HTTP connection manager") + " looked at"
	var found []string
	for _, opens := range []Opens{Hole, Outage, Remark} {
		if n := counts[opens]; n > 0 {
			found = append(found, terminal.Count(n, string(opens)))
		}
	}
	if len(found) == 0 {
		found = []string{"nothing found"}
	}
	if r.Idle > 0 {
		looked += fmt.Sprintf(", %d without an application", r.Idle)
	}
	if n := len(r.Skipped); n > 0 {
		looked += fmt.Sprintf("; skipped %s of this sidecar: %s", terminal.Count(n, "outbound listener"), printable(some(r.Skipped)))
	}
	_, err := fmt.Fprintf(w, "%s: %s (%s)\n", printable(r.File), strings.Join(found, ", "), looked)
	return err
}
