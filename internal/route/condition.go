package route

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/jwtgate/jwtgate/internal/denial"
)

const (
	// costLimit is what one evaluation may cost, in CEL's steps (see costs).
	// Conditions as people write them cost 3 to 30, and a walk through a thousand
	// groups 5,000 to 10,000. A step takes 0.1 to 0.6 microseconds, so that no
	// token and no request holds a Check up for more than some ten milliseconds
	// (BenchmarkConditionAtTheLimit), a fraction of what Envoy waits.
	costLimit = 20_000

	// maxCondition is how long a condition may be, in characters, and
	// maxRegexProgram how large a regular expression of it, in RE2's
	// instructions: what is larger belongs into the issuer or the application.
	maxCondition    = 8192
	maxRegexProgram = 2000
)

// What is wrong when a condition cannot be evaluated. The kinds are fixed, since
// CEL's own texts may quote claims.
const (
	faultKey      = "no such key"
	faultIndex    = "no such index"
	faultType     = "type"
	faultNumber   = "number"
	faultCost     = "cost limit"
	faultIssuedAt = "no iat"
	faultOther    = "evaluation"
)

// condition is a compiled `when`. It never changes and is safe for concurrent
// use.
type condition struct {
	text    string
	program cel.Program
	// segments holds the place in the path of each template variable, named as
	// CEL knows it: path.id.
	segments map[string]int
	reads    headersRead
	shown    []string // the variables of it whose values a denial may name
	negates  []fault  // where it negates a path or a method, and what of them
}

// fault is a mistake in the text of a condition: line from 1, column from 0, in
// characters.
type fault struct {
	line, column int
	text         string
}

// compiler compiles conditions. It keeps CEL's declarations for each set of
// template variables, since many routes share one. The zero value is ready.
type compiler struct {
	base *cel.Env
	envs map[string]*cel.Env // :: names of variables, with commas -> declarations
}

// compile compiles and type-checks the condition of a route with this pattern.
func (c *compiler) compile(text string, p *pattern) (*condition, []fault) {
	segments := map[string]int{}
	for i, one := range p.segments {
		if one.variable != "" {
			segments[pathVariables+one.variable] = i
		}
	}
	env, err := c.env(segments)
	if err != nil {
		return nil, []fault{{1, 0, "conditions cannot be compiled: " + err.Error()}}
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, explainer{text: text, segments: segments}.faults(issues.Errors())
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, []fault{notBool(text, ast.OutputType())}
	}
	if cost, err := env.EstimateCost(ast, noSizes{}); err != nil || cost.Min > costLimit {
		return nil, []fault{{1, 0, fmt.Sprintf("costs more than the %d steps that a condition may take, whatever the request; write a shorter one", costLimit)}}
	}
	// CEL's own optimizing would compile regular expressions unbounded.
	optimized := cel.EvalOptions(cel.OptOptimize)
	sizes, computed := regexes(ast)
	if len(sizes) > 0 {
		optimized = cel.OptimizeRegex(matchesBounded())
	}
	for _, id := range computed {
		at := ast.NativeRep().SourceInfo().GetStartLocation(id)
		return nil, []fault{{at.Line(), at.Column(), "is a regular expression that is not written out; write it as a text in quotes"}}
	}
	program, err := env.Program(ast, optimized, cel.CostTracking(costs{regexes: sizes}), cel.CostLimit(costLimit))
	if err != nil {
		return nil, []fault{{1, 0, "cannot be made ready to run; write it in a simpler way"}}
	}
	return &condition{text: text, program: program, segments: segments, reads: readsOf(ast), shown: shownOf(ast), negates: negationsOf(ast)}, nil
}

// deny holds a token and a request to the condition; nil allows.
func (c *condition) deny(a *activation) *denial.Error {
	holds, kind := c.evaluate(a)
	text := quoted(c.text)
	switch {
	case kind != "":
		return &denial.Error{Kind: ErrConditionError, Internal: kind + " in " + text, Hint: faultMend(kind)}
	case !holds:
		return &denial.Error{Kind: ErrConditionFalse, Internal: oneLine(c.text) + c.found(a), Hint: "make this hold: " + text}
	}
	return nil
}

// evaluate says whether the condition holds or, by kind, why that cannot be
// told.
func (c *condition) evaluate(a *activation) (holds bool, kind string) {
	// CEL recovers from what it panics with itself; what is made of a token and
	// a request by this package runs inside it, too.
	defer func() {
		if recover() != nil {
			holds, kind = false, faultOther
		}
	}()
	out, _, err := c.program.Eval(a)
	if err != nil {
		return false, faultKind(err)
	}
	truth, ok := out.(types.Bool)
	if !ok {
		return false, faultType
	}
	return bool(truth), ""
}

// faultKind tells the kinds of errors apart, which CEL does by their texts.
func faultKind(err error) string {
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) {
		return faultCost
	}
	text := err.Error()
	begins := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
	}
	switch {
	case text == errNoIssuedAt:
		return faultIssuedAt
	case begins("no such key"):
		return faultKey
	case begins("index out of bounds", "index '"):
		return faultIndex
	case begins("division by zero", "modulus by zero", "integer overflow", "unsigned integer overflow", "range"):
		return faultNumber
	case begins("no such overload", "no matching overload", "found no matching overload", "type conversion error", "unsupported", "unexpected type", "got '"):
		return faultType
	}
	return faultOther
}

// faultMend says what to change so that a condition can be evaluated.
func faultMend(kind string) string {
	switch kind {
	case faultKey:
		return `ask first for what may be absent: has(claims.email) && ..., or "cognito:groups" in claims && ...`
	case faultIndex:
		return "ask first for how many there are: size(list) > 0 && ..."
	case faultType:
		return "claims are of the type that the issuer gives them; ask first: type(claims.level) == int && ..."
	case faultNumber:
		return "ask first for numbers that cannot be reckoned with, such as 0 as a divisor"
	case faultCost:
		return "write a condition that does less, or keep the lists and texts short that it walks through"
	case faultIssuedAt:
		return "have the issuer put iat into its tokens, or leave token.issued_at out of the condition"
	}
	return "make the condition simpler"
}

// notBool says that a condition is not a question.
func notBool(text string, kind *cel.Type) fault {
	if kind.Kind() == types.DynKind && plain(text) {
		return fault{1, 0, fmt.Sprintf("a claim can be of any type and the condition must be true or false; compare it: %s == true", strings.TrimSpace(text))}
	}
	if kind.Kind() == types.DynKind {
		return fault{1, 0, "the condition must be true or false, and this can be of any type; compare it: (...) == true"}
	}
	return fault{1, 0, fmt.Sprintf("the condition must be true or false, and this is of type %s; compare it with something", cel.FormatCELType(kind))}
}

// plain reports whether a text is one short word, such as claims.admin.
func plain(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool { return !wordRune(r) })
}

// quoted is oneLine between quotes.
func quoted(text string) string { return strconv.Quote(oneLine(text)) }

// oneLine renders a condition on one line and not too long for a log.
func oneLine(text string) string {
	printable := func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}
	return cut(strings.Map(printable, strings.Join(strings.Fields(text), " ")), 256)
}
