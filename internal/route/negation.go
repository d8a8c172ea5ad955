package route

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// negationsOf finds where a compiled condition holds because a path or a method is
// not something: under !, !=, a comparison with false, or in what chooses between
// the two sides of ?:. Each is at its place, and names the variable.
func negationsOf(compiled *cel.Ast) []fault {
	info := compiled.NativeRep().SourceInfo()
	var found []fault
	for _, one := range ast.MatchDescendants(ast.NavigateAST(compiled.NativeRep()), isNegation) {
		scope := one
		if one.AsCall().FunctionName() == operators.Conditional {
			scope = one.Children()[0]
		}
		for _, name := range ast.MatchDescendants(scope, isSpelling) {
			at := info.GetStartLocation(name.ID())
			found = append(found, fault{at.Line(), at.Column(), spellingName(name)})
		}
	}
	slices.SortFunc(found, func(a, b fault) int { return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column)) })
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

// isSpelling reports whether an expression is a variable that holds a path, a part
// of one, or the method, as the client has spelled it.
func isSpelling(e ast.NavigableExpr) bool {
	if e.Kind() != ast.IdentKind {
		return false
	}
	name := spellingName(e)
	return name == "request.path" || name == "request.method" || strings.HasPrefix(name, pathVariables)
}

func spellingName(e ast.NavigableExpr) string { return strings.TrimPrefix(e.AsIdent(), ".") }
