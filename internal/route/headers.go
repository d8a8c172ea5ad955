package route

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// headersRead is what of request.headers a condition looks at.
type headersRead struct {
	names []string // sorted, each once
	all   bool     // fields beside names, which cannot be told
}

// HeadersRead returns the names of the request's header fields that the
// conditions of a table look at, sorted and each once, as they are written:
// request.headers.NAME, request.headers["NAME"], has(request.headers.NAME) or
// "NAME" in request.headers. all says that some condition looks at more than
// names, such as at one that it computes; then any field may matter. Whatever
// hands the gate its requests has to let these fields through.
//
// It says nothing of the fields that a credential, an identity or the kind of a
// request is read from, of which conditions are not asked.
func (t *Table) HeadersRead() (names []string, all bool) {
	for _, r := range t.rules {
		read, more := r.HeadersRead()
		names, all = append(names, read...), all || more
	}
	return sortedSet(names), all
}

// HeadersRead is [Table.HeadersRead] of one rule.
func (r *Rule) HeadersRead() (names []string, all bool) {
	if r.when == nil {
		return nil, false
	}
	return slices.Clone(r.when.reads.names), r.when.reads.all
}

// readsOf finds what a compiled condition looks at of request.headers. A place
// where it stands in any other way than beside a name may look at all of it.
func readsOf(compiled *cel.Ast) headersRead {
	var read headersRead
	headers := func(e ast.NavigableExpr) bool {
		return e.Kind() == ast.IdentKind && strings.TrimPrefix(e.AsIdent(), ".") == "request.headers"
	}
	for _, one := range ast.MatchDescendants(ast.NavigateAST(compiled.NativeRep()), headers) {
		if name, ok := nameBeside(one); ok {
			read.names = append(read.names, name)
		} else {
			read.all = true
		}
	}
	read.names = sortedSet(read.names)
	return read
}

// nameBeside returns the one name that is looked up in a map, if the expression
// around the map does that and nothing else.
func nameBeside(headers ast.NavigableExpr) (name string, ok bool) {
	around, there := headers.Parent()
	if !there {
		return "", false
	}
	switch around.Kind() {
	case ast.SelectKind: // headers.NAME, has(headers.NAME)
		return around.AsSelect().FieldName(), true
	case ast.CallKind:
		call := around.AsCall()
		arguments := call.Args()
		var key, holder ast.Expr
		switch call.FunctionName() {
		case operators.Index: // headers["NAME"]
			holder, key = arguments[0], arguments[1]
		case operators.In: // "NAME" in headers
			key, holder = arguments[0], arguments[1]
		default:
			return "", false
		}
		if holder.ID() != headers.ID() || key.Kind() != ast.LiteralKind {
			return "", false
		}
		text, isText := key.AsLiteral().(types.String)
		return string(text), isText
	}
	return "", false
}

// sortedSet returns the texts sorted, each once; it may change its argument.
func sortedSet(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
