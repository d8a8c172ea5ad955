package policytest

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/terminal"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Report is how the cases of one run came out.
type Report struct {
	Results []Result // in the order of the cases
	// Routes are the names of the config's routes, the one for requests that no
	// route matches included; Untouched those of them that decided no case.
	Routes, Untouched []string
}

// Result is how one case came out.
type Result struct {
	Name    string
	Pos     config.Pos
	Elapsed time.Duration
	Failure *Failure // nil: it passed
}

// Failed returns how many cases failed.
func (r *Report) Failed() int {
	failed := 0
	for _, one := range r.Results {
		if one.Failure != nil {
			failed++
		}
	}
	return failed
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	text := fmt.Sprintf("%s, %d failed; %d of %s touched",
		terminal.Count(len(r.Results), "case"), r.Failed(), len(r.Routes)-len(r.Untouched), terminal.Count(len(r.Routes), "route"))
	if len(r.Untouched) > 0 {
		text += ", not touched: " + strings.Join(r.Untouched, ", ")
	}
	return text
}

// WriteText writes the failures, each with what was expected and what came, and
// then the summary. The same cases and config make the same text, but for the
// moments that a detail names.
func (r *Report) WriteText(w io.Writer) error {
	var text strings.Builder
	for _, one := range r.Results {
		if one.Failure == nil {
			continue
		}
		fmt.Fprintf(&text, "FAIL  %s  %s\n", one.Pos, one.Name)
		for _, line := range one.Failure.lines() {
			text.WriteString("      " + line + "\n")
		}
		text.WriteString("\n")
	}
	text.WriteString(r.Summary() + "\n")
	_, err := io.WriteString(w, text.String())
	return err
}

// lines renders a failure: a label, and beside it what is to be said, aligned.
func (f *Failure) lines() []string {
	type row struct{ label, text string }
	rows := []row{{"sent", f.Sent}}
	for _, one := range f.Differences {
		rows = append(rows, row{one.What, fmt.Sprintf("expected %s, came %s", one.Want, one.Got)})
	}
	rows = append(rows, row{"where", f.Route}, row{"detail", f.Detail}, row{"hint", f.Hint})
	width := 0
	for _, one := range rows {
		width = max(width, len(one.label))
	}
	var lines []string
	for _, one := range rows {
		if one.text != "" {
			lines = append(lines, fmt.Sprintf("%-*s  %s", width, one.label, one.text))
		}
	}
	return lines
}

// shift writes a duration with its sign.
func signedDuration(d time.Duration) string {
	text := yamlform.FormatDuration(d)
	if d > 0 {
		return "+" + text
	}
	return text
}

// isControl reports whether a character would garble a line of a report.
func isControl(c rune) bool { return !unicode.IsPrint(c) && c != unicode.ReplacementChar }

// oneLine is text that may hold anything, fit for a line of a report.
func oneLine(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	return yamlform.Quote(text)
}
