package route

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

// regexWork bounds what a regular expression may be matched against: RE2 takes
// the length of the text times the instructions of the expression, at worst, and
// CEL counts that only when it is done. A million is some ten milliseconds
// (TestRegexIsBoundedBeforehand); an expression for an email address, of 60
// instructions, still reads a text of 16 KB.
const regexWork = 1 << 20

// errRegexWork is why a text is not matched at all.
var errRegexWork = errors.New("too long for its regular expression: cost limit")

// matchesBounded compiles a literal expression once, and refuses beforehand what
// it would take too long to match.
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
			return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
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
			}), nil
		},
	}
}

// instructions is the size of an expression's program.
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

// workPerStep is how much of a regular expression's work costs one of CEL's
// steps: the largest match that is let begin costs all that a condition may.
const workPerStep = regexWork / costLimit

// regexes finds the regular expressions that a condition matches by, with their
// sizes, and the places of those that are not written out: their sizes would not
// be known until somebody has sent them.
func regexes(compiled *cel.Ast) (sizes map[string]int, computed []int64) {
	sizes = map[string]int{}
	for _, one := range ast.MatchDescendants(ast.NavigateAST(compiled.NativeRep()), ast.FunctionMatcher(overloads.Matches)) {
		args := one.AsCall().Args()
		pattern := args[len(args)-1]
		text, written := "", pattern.Kind() == ast.LiteralKind
		if written {
			text, written = pattern.AsLiteral().Value().(string)
		}
		size, err := instructions(text)
		if !written || err != nil {
			computed = append(computed, pattern.ID())
			continue
		}
		sizes[text] = size
	}
	return sizes, computed
}
