package condition

import (
	"errors"
	"regexp"
	"regexp/syntax"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// regexWork bounds the length of the text times the instructions of the regular
// expression, which is the work that RE2 has in the worst case. CEL counts it only
// afterwards. A million takes about ten milliseconds (TestRegexIsBoundedBeforehand). An
// expression for an email address, with 60 instructions, can match a text of 16 KB.
const regexWork = 1 << 20

// workPerStep is how much work of a regular expression costs one step of CEL: the largest
// permitted match costs as much as a whole condition may.
const workPerStep = regexWork / costLimit

// errRegexWork is the error of a text that is too long to match.
var errRegexWork = errors.New("too long for its regular expression: cost limit")

// matchesBounded compiles a constant expression once, and refuses to match a text that
// would take too long.
func matchesBounded() *interpreter.RegexOptimization {
	return &interpreter.RegexOptimization{
		Function: overloads.Matches, RegexIndex: 1,
		Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
			compiled, err := regexp.Compile(pattern)
			if err != nil {
				return nil, err
			}
			size, err := instructions(pattern)
			if err != nil {
				return nil, err
			}
			match := func(args ...ref.Val) ref.Val {
				if len(args) != 2 {
					return types.NoSuchOverloadErr()
				}
				text, ok := args[0].Value().(string)
				switch {
				case !ok:
					return types.NoSuchOverloadErr()
				case len(text)*size > regexWork:
					return types.WrapErr(errRegexWork)
				}
				return types.Bool(compiled.MatchString(text))
			}
			return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), match), nil
		},
	}
}

// instructions returns the size of an expression's program.
func instructions(pattern string) (int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, err
	}
	return len(program.Inst), nil
}

// regexes returns the constant regular expressions of a condition with their sizes, and
// the places of those that are computed, whose sizes depend on the request.
func regexes(compiled *cel.Ast) (sizes map[string]int, computed []int64) {
	sizes = map[string]int{}
	for _, one := range ast.MatchDescendants(ast.NavigateAST(compiled.NativeRep()), ast.FunctionMatcher(overloads.Matches)) {
		args := one.AsCall().Args()
		pattern := args[len(args)-1]
		text, constant := "", pattern.Kind() == ast.LiteralKind
		if constant {
			text, constant = pattern.AsLiteral().Value().(string)
		}
		size, err := instructions(text)
		if !constant || err != nil {
			computed = append(computed, pattern.ID())
			continue
		}
		sizes[text] = size
	}
	return sizes, computed
}
