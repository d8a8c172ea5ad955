package route

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Fault is a mistake in a condition, at its place in the condition's text.
type Fault struct {
	Line, Column int
	Text         string
}

// Condition compiles a condition by itself: a file adds to its places where the
// text stands.
func Condition(when, match string) ([]Fault, *Rule) {
	p, err := parsePattern(match)
	if err != nil {
		return []Fault{{Text: err.Error()}}, nil
	}
	var conditions compiler
	compiled, faults := conditions.compile(when, &p)
	var shown []Fault
	for _, one := range faults {
		shown = append(shown, Fault{one.line, one.column, one.text})
	}
	if compiled == nil {
		return shown, nil
	}
	return shown, &Rule{Access: config.AccessRequired, pattern: p, when: compiled}
}

// WarningsWithin are a table's warnings after so many steps of work.
func WarningsWithin(t *Table, cfg *config.Config, steps int) []config.Mistake {
	return t.warnings(cfg, steps)
}

// Scan is [Table.Match] as it is meant: rule by rule.
func (t *Table) Scan(method, host string, path *request.Path) *Rule {
	for _, r := range t.rules {
		if !r.byNameOnly && r.Covers(method, host, path) {
			return r
		}
	}
	return t.fallback
}

// MatchOf is a rule's match as it was written, or the part of it that was parsed.
func MatchOf(r *Rule) string {
	if len(r.pattern.methods) == 0 {
		return r.pattern.text()
	}
	return strings.Join(r.pattern.methods, ",") + " " + r.pattern.text()
}
