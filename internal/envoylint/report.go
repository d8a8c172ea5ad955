package envoylint

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Terminal colours (ECMA-48 SGR).
const (
	plain  = "\x1b[0m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
)

// Report is what was found in a file.
type Report struct {
	File     string
	Findings []Finding // in the order of the file
	Managers int       // HTTP connection managers that were looked at
}

// Failed reports whether there is a finding that is no note.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Note })
}

// WriteText writes a line for each finding, and one that counts them; with color
// by terminal colours, for people.
func (r *Report) WriteText(w io.Writer, color bool) error {
	paint := func(code, text string) string {
		if !color || text == "" {
			return text
		}
		return code + text + plain
	}
	counts := map[Opens]int{}
	for _, f := range r.Findings {
		opens, code := f.Rule.Opens, red
		if f.Rule.Opens == Outage {
			code = yellow
		}
		if f.Note {
			opens, code = Remark, dim
		}
		counts[opens]++
		_, err := fmt.Fprintf(w, "%s: %s%s: %s; %s; %s %s\n",
			paint(bold, f.Pos.String()), paint(code, f.note()), paint(dim, f.path()), paint(code, f.Text), f.Rule.Why, f.Mend, paint(dim, "("+f.Rule.ID+")"))
		if err != nil {
			return err
		}
	}
	looked := count(r.Managers, "HTTP connection manager")
	var found []string
	for _, opens := range []Opens{Hole, Outage, Remark} {
		if n := counts[opens]; n > 0 {
			found = append(found, count(n, string(opens)))
		}
	}
	if len(found) == 0 {
		found = []string{"nothing found"}
	}
	_, err := fmt.Fprintf(w, "%s: %s (%s looked at)\n", r.File, strings.Join(found, ", "), looked)
	return err
}

// count writes how many there are.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
