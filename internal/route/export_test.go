package route

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/request"
)

// Scan is the definition of [Table.Match]: it compares the request with each rule.
func (t *Table) Scan(method, host string, path *request.Path) *Rule {
	for _, r := range t.rules {
		if !r.byNameOnly && r.Covers(method, host, path) {
			return r
		}
	}
	return t.fallback
}

// MatchOf returns the match of a rule, as written.
func MatchOf(r *Rule) string {
	if len(r.pattern.Methods) == 0 {
		return r.pattern.Path()
	}
	return strings.Join(r.pattern.Methods, ",") + " " + r.pattern.Path()
}
