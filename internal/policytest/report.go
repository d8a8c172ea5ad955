package policytest

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/terminal"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Report is the result of one run.
type Report struct {
	Results []Result // in the order of the cases
	// Routes is the names of all routes, including the one for requests that no route
	// matches. Untouched is the names of those that no case used.
	Routes, Untouched []string
}

// Result is the result of one case.
type Result struct {
	Name    string
	Pos     config.Pos
	Elapsed time.Duration
	Failure *Failure // nil: it passed
}

// Failed returns the number of failed cases.
func (r *Report) Failed() int {
	failed := 0
	for _, one := range r.Results {
		if one.Failure != nil {
			failed++
		}
	}
	return failed
}

// Summary returns the report in one line.
func (r *Report) Summary() string {
	text := fmt.Sprintf("%s, %d failed; %d of %s matched",
		terminal.Count(len(r.Results), "case"), r.Failed(), len(r.Routes)-len(r.Untouched), terminal.Count(len(r.Routes), "route"))
	if len(r.Untouched) > 0 {
		text += "; not matched: " + strings.Join(r.Untouched, ", ")
	}
	return text
}

// WriteText writes the failures, each with the expected and the actual values, and then
// the summary. For the same cases and config, only times inside details differ.
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

// lines formats a failure as lines of aligned labels and texts.
func (f *Failure) lines() []string {
	type row struct{ label, text string }
	rows := []row{{"sent", f.Sent}}
	for _, one := range f.Differences {
		rows = append(rows, row{one.What, fmt.Sprintf("expected %s, got %s", one.Want, one.Got)})
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

// signedDuration formats a duration with its sign.
func signedDuration(d time.Duration) string {
	text := quote.Duration(d)
	if d > 0 {
		return "+" + text
	}
	return text
}

// isControl reports whether a character cannot be printed in a line of a report.
func isControl(c rune) bool { return !unicode.IsPrint(c) && c != unicode.ReplacementChar }

// oneLine quotes a text that contains control characters, so that it fits on one line.
func oneLine(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	return yamlform.Quote(text)
}
