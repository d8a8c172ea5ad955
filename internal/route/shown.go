package route

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// mayShow reports whether a denial may name the value of a variable: who the
// token is of and what was asked for, which a decision names anyway. Never
// claims, headers or the query: they can hold secrets.
func mayShow(variable string) bool {
	switch variable {
	case "token.subject", "token.client", "token.kind", "request.method", "request.host", "request.path":
		return true
	}
	return strings.HasPrefix(variable, pathVariables)
}

// shownOf returns the variables that a compiled condition looks at and whose
// values a denial may name, in the order in which they are written.
func shownOf(compiled *cel.Ast) []string {
	name := func(e ast.NavigableExpr) string { return strings.TrimPrefix(e.AsIdent(), ".") }
	found := ast.MatchDescendants(ast.NavigateAST(compiled.NativeRep()), func(e ast.NavigableExpr) bool {
		return e.Kind() == ast.IdentKind && mayShow(name(e))
	})
	slices.SortStableFunc(found, func(a, b ast.NavigableExpr) int { return cmp.Compare(a.ID(), b.ID()) })
	var shown []string
	for _, one := range found {
		if !slices.Contains(shown, name(one)) {
			shown = append(shown, name(one))
		}
	}
	return shown
}

// found renders what those variables were, at most eight of them, behind the
// text of the condition.
func (c *condition) found(a *activation) string {
	const most = 8
	var parts []string
	for _, name := range c.shown[:min(most, len(c.shown))] {
		value, _ := a.ResolveName(name)
		if text, ok := value.(string); ok {
			parts = append(parts, name+" "+quote.Text(text))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ", with " + strings.Join(parts, ", ")
}
