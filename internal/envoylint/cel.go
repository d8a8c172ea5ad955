package envoylint

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

// celRecords returns what a CEL expression of a format records: the attributes of which the
// value or a part of it gets into the result. A comparison or a condition reads a value and
// does not record it.
func celRecords(expression string) []record {
	if parsed, ok := celParsed(expression); ok {
		return celResult(parsed, nil)
	}
	return celEverything(nil)
}

// celEverything returns what every attribute contains.
func celEverything(unless []string) []record {
	return append(celRecord([]string{"request"}, unless), celRecord([]string{"response"}, unless)...)
}

// celIsPath reports whether an expression is the path with its query.
func celIsPath(expression string) bool {
	parsed, ok := celParsed(expression)
	return ok && slices.Equal(celPath(parsed), []string{"request", "path"})
}

// celParsed parses an expression; false: Envoy's own parser refuses it too, or it is larger or
// deeper than the parser's limits, which bound the time and the stack for any expression.
func celParsed(expression string) (ast.Expr, bool) {
	p, err := parser.NewParser() // without macros, a call of exists or map keeps its name
	if err != nil {
		return nil, false
	}
	parsed, errs := p.Parse(common.NewTextSource(expression))
	if len(errs.GetErrors()) > 0 {
		return nil, false
	}
	return parsed.Expr(), true
}

// celConditions returns the conditions that all have to hold for an expression to be true;
// none if it cannot be parsed.
func celConditions(expression string) []ast.Expr {
	var all []ast.Expr
	var add func(ast.Expr)
	add = func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
			all = append(all, e)
			return
		}
		for _, condition := range e.AsCall().Args() {
			add(condition)
		}
	}
	if parsed, ok := celParsed(expression); ok {
		add(parsed)
	}
	return all
}

// celExcluded returns paths with which no request makes an expression true.
func celExcluded(expression string) []string {
	var paths []string
	for _, condition := range celConditions(expression) {
		if path, equal := celPathIs(condition); path != "" && !equal {
			paths = append(paths, path)
		}
	}
	return paths
}

// celNavigation reports whether an expression is the condition of login.yaml for requests by
// which a person opens a page: request.headers['accept'].contains('text/html').
func celNavigation(e ast.Expr) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	call := e.AsCall()
	if call.FunctionName() != "contains" || !call.IsMemberFunction() || len(call.Args()) != 1 {
		return false
	}
	text, _ := celText(call.Args()[0])
	return text == "text/html" && slices.Equal(celPath(call.Target()), []string{"request", "headers", "accept"})
}

// celResult returns what the result of an expression contains for requests with none of the
// paths in unless.
func celResult(e ast.Expr, unless []string) []record {
	if path := celPath(e); path != nil {
		return celRecord(path, unless)
	}
	switch e.Kind() {
	case ast.CallKind:
		return celCall(e.AsCall(), unless)
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return nil
		}
		return celResult(e.AsSelect().Operand(), unless)
	case ast.ListKind:
		return celResults(e.AsList().Elements(), unless)
	case ast.MapKind:
		var all []record
		for _, entry := range e.AsMap().Entries() {
			all = append(all, celResults([]ast.Expr{entry.AsMapEntry().Key(), entry.AsMapEntry().Value()}, unless)...)
		}
		return all
	case ast.StructKind:
		var all []record
		for _, field := range e.AsStruct().Fields() {
			all = append(all, celResult(field.AsStructField().Value(), unless)...)
		}
		return all
	case ast.LiteralKind:
		return nil
	}
	return celEverything(unless)
}

func celResults(expressions []ast.Expr, unless []string) []record {
	var all []record
	for _, e := range expressions {
		all = append(all, celResult(e, unless)...)
	}
	return all
}

// celCall returns what the result of a call or an operator contains.
func celCall(call ast.CallExpr, unless []string) []record {
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.In, operators.OldIn, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Has,
		operators.All, operators.Exists, operators.ExistsOne, "contains", "startsWith", "endsWith", "matches", "size":
		return nil
	case operators.Conditional:
		condition, then, otherwise := call.Args()[0], call.Args()[1], call.Args()[2]
		path, equal := celPathIs(condition)
		if path == "" {
			return celResults([]ast.Expr{then, otherwise}, unless)
		}
		if !equal {
			then, otherwise = otherwise, then
		}
		return append(celResult(then, unless), celResult(otherwise, append(slices.Clone(unless), path))...)
	}
	all := celResults(call.Args(), unless)
	if call.IsMemberFunction() {
		all = append(all, celResult(call.Target(), unless)...)
	}
	return all
}

// celPathIs returns the path with which a condition compares that of the request, and whether
// the condition holds for it; "": it is another condition.
func celPathIs(condition ast.Expr) (path string, equal bool) {
	if condition.Kind() != ast.CallKind {
		return "", false
	}
	call := condition.AsCall()
	equal = call.FunctionName() == operators.Equals
	if !equal && call.FunctionName() != operators.NotEquals {
		return "", false
	}
	left, right := call.Args()[0], call.Args()[1]
	if left.Kind() == ast.LiteralKind {
		left, right = right, left
	}
	if !slices.Equal(celPath(left), []string{"request", "url_path"}) {
		return "", false
	}
	path, _ = celText(right)
	return path, equal
}

// celPath returns the names by which an expression selects an attribute; nil: it is another
// expression.
func celPath(e ast.Expr) []string {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{strings.TrimPrefix(e.AsIdent(), ".")} // .request is request in the root of all names
	case ast.SelectKind:
		if operand := celPath(e.AsSelect().Operand()); operand != nil && !e.AsSelect().IsTestOnly() {
			return append(operand, e.AsSelect().FieldName())
		}
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index {
			return nil
		}
		if name, ok := celText(call.Args()[1]); ok {
			if operand := celPath(call.Args()[0]); operand != nil {
				return append(operand, name)
			}
		}
	}
	return nil
}

func celText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}

// celRecord returns what an attribute of Envoy contains.
func celRecord(path, unless []string) []record {
	if path[0] == "connection" && (len(path) == 1 || path[1] == "requested_server_name") {
		return []record{{what: attribute, unless: unless}}
	}
	headers := map[string]recorded{"request": requestHeader, "response": responseHeader}
	what, known := headers[path[0]]
	if !known {
		return nil
	}
	name := ""
	if len(path) > 1 {
		name = path[1]
	}
	header := record{what: what, unless: unless}
	details := record{what: codeDetails, unless: unless}
	switch {
	case name == "headers" && len(path) > 2:
		header.name = strings.ToLower(path[2])
		return []record{header}
	case name == "headers", name == "" && what == requestHeader:
		return []record{header}
	case name == "":
		return []record{header, details}
	case what == requestHeader && name == "path":
		header.name = pathHeader
		return []record{header}
	case what == requestHeader && name == "query":
		return []record{{what: parameter, unless: unless}}
	case what == responseHeader && name == "code_details":
		return []record{details}
	case what == requestHeader:
		return []record{{what: attribute, unless: unless}}
	}
	return nil
}
