package condition

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// revealable reports whether a denial may show the value of a variable. It may show
// whose token it is and which resource was requested, which every decision records.
// Claims, headers and the query can contain secrets, so it never shows them.
func revealable(variable string) bool {
	switch variable {
	case "token.subject", "token.client", "token.kind", "request.method", "request.host", "request.path":
		return true
	}
	return strings.HasPrefix(variable, pathPrefix)
}

// revealsOf returns the revealable variables of a compiled condition, each once, in the
// order of the text.
func revealsOf(compiled *cel.Ast) []string {
	found := identifiers(ast.NavigateAST(compiled.NativeRep()), revealable)
	slices.SortStableFunc(found, func(a, b ast.NavigableExpr) int { return cmp.Compare(a.ID(), b.ID()) })
	var names []string
	for _, e := range found {
		if name := identifier(e); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// revealedBy joins the text of a condition and the values.
const revealedBy = ", with "

// revealed returns the values of those variables, eight at most, to follow the text of
// the condition.
func (c *Condition) revealed(a *activation) string {
	const most = 8
	var parts []string
	for _, name := range c.reveals[:min(most, len(c.reveals))] {
		value, _ := a.ResolveName(name)
		if text, ok := value.(string); ok {
			parts = append(parts, name+" "+quote.Text(text))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return revealedBy + strings.Join(parts, ", ")
}
