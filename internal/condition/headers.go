package condition

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// headersRead is what a condition reads of request.headers.
type headersRead struct {
	names []string // sorted, each once
	all   bool     // it may read other fields than those
}

// HeadersRead returns the names of the header fields that the condition reads, sorted,
// each once, as written: request.headers.NAME, request.headers["NAME"],
// has(request.headers.NAME) or "NAME" in request.headers. all reports that the condition
// may read any field, for example one whose name it computes.
func (c *Condition) HeadersRead() (names []string, all bool) {
	return slices.Clone(c.reads.names), c.reads.all
}

// readsOf finds what a compiled condition reads of request.headers. Any use other than
// with a constant name may read all of it.
func readsOf(compiled *cel.Ast) headersRead {
	var read headersRead
	for _, headers := range identifiers(ast.NavigateAST(compiled.NativeRep()), func(name string) bool { return name == "request.headers" }) {
		if name, ok := keyOf(headers); ok {
			read.names = append(read.names, name)
		} else {
			read.all = true
		}
	}
	slices.Sort(read.names)
	read.names = slices.Compact(read.names)
	return read
}

// keyOf returns the constant key that the expression around a map looks up, if that is
// all it does with the map.
func keyOf(headers ast.NavigableExpr) (name string, ok bool) {
	around, found := headers.Parent()
	if !found {
		return "", false
	}
	switch around.Kind() {
	case ast.SelectKind: // headers.NAME, has(headers.NAME)
		return around.AsSelect().FieldName(), true
	case ast.CallKind:
		call := around.AsCall()
		arguments := call.Args()
		var key ast.Expr
		switch call.FunctionName() {
		case operators.Index: // headers["NAME"]
			key = arguments[1]
		case operators.In: // "NAME" in headers
			key = arguments[0]
		default:
			return "", false
		}
		if key.Kind() != ast.LiteralKind { // computed, or the headers themselves
			return "", false
		}
		text, isText := key.AsLiteral().(types.String)
		return string(text), isText
	}
	return "", false
}

// identifiers returns the identifiers below an expression whose names match.
func identifiers(below ast.NavigableExpr, match func(name string) bool) []ast.NavigableExpr {
	return ast.MatchDescendants(below, func(e ast.NavigableExpr) bool {
		return e.Kind() == ast.IdentKind && match(identifier(e))
	})
}

// identifier returns the name of a variable without the leading dot that CEL permits.
func identifier(e ast.NavigableExpr) string { return strings.TrimPrefix(e.AsIdent(), ".") }
