package condition

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Negation is a use of the path or the method, as the client spelled it, in a negated
// part of a condition. Line and Column are as in [Mistake].
type Negation struct {
	Line, Column int
	Variable     string
}

// Negations returns where the condition is true because the path or the method is not
// something: under ! or !=, in a comparison with false, or in the test of ?:. The slice
// must not be changed.
func (c *Condition) Negations() []Negation { return c.negations }

func negationsOf(compiled *cel.Ast) []Negation {
	info := compiled.NativeRep().SourceInfo()
	var found []Negation
	for _, one := range ast.MatchDescendants(ast.NavigateAST(compiled.NativeRep()), isNegation) {
		scope := one
		if one.AsCall().FunctionName() == operators.Conditional {
			scope = one.Children()[0]
		}
		for _, e := range identifiers(scope, isSpelling) {
			at := info.GetStartLocation(e.ID())
			found = append(found, Negation{at.Line(), at.Column(), identifier(e)})
		}
	}
	slices.SortFunc(found, func(a, b Negation) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return slices.Compact(found)
}

func isNegation(e ast.NavigableExpr) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	switch call := e.AsCall(); call.FunctionName() {
	case operators.LogicalNot, operators.NotEquals, operators.Conditional:
		return true
	case operators.Equals:
		return slices.ContainsFunc(call.Args(), func(side ast.Expr) bool {
			return side.Kind() == ast.LiteralKind && side.AsLiteral() == types.False
		})
	}
	return false
}

// isSpelling reports whether a variable is the path, a part of it, or the method.
func isSpelling(name string) bool {
	return name == "request.path" || name == "request.method" || strings.HasPrefix(name, pathPrefix)
}
