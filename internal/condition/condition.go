package condition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/jwtgate/jwtgate/internal/denial"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Why a condition denies. Each is matched with errors.Is.
var (
	ErrFalse      = errors.New("condition false")
	ErrEvaluation = errors.New("condition failed to evaluate")
)

const (
	// costLimit is the most that one evaluation may cost, in CEL's steps (see costs).
	// Typical conditions cost 3 to 30, and a search of a thousand groups 5,000 to 10,000.
	// A step takes 0.1 to 0.6 microseconds, so no token and no request delays a Check by
	// more than about ten milliseconds (BenchmarkConditionAtTheLimit), a fraction of
	// Envoy's timeout.
	costLimit = 20_000

	// maxLength is the most characters of a condition, and maxRegexProgram the most RE2
	// instructions of a regular expression in it. Larger rules belong in the issuer or the
	// application.
	maxLength       = 8192
	maxRegexProgram = 2000
)

// Condition is a compiled condition. It never changes and is safe for concurrent use.
type Condition struct {
	text    string
	program cel.Program
	// segments has the position in the path of each template variable, by its name in
	// CEL: path.id.
	segments  map[string]int
	reads     headersRead
	reveals   []string // the variables whose values a denial may show
	negations []Negation
}

// Mistake is what is wrong with the text of a condition, and where: the line from 1, the
// column from 0, in characters.
type Mistake struct {
	Line, Column int
	Text         string
}

// Compiler compiles conditions. It reuses the declarations of template variables that
// several routes have in common. The zero value is ready to use.
type Compiler struct {
	base *cel.Env
	envs map[string]*cel.Env // :: variable names, joined by commas -> declarations
}

// Compile parses and type-checks a condition. The variables are those of the route's path
// template, each with the index of its segment. There is a condition or there are mistakes.
func (c *Compiler) Compile(text string, variables map[string]int) (*Condition, []Mistake) {
	segments := make(map[string]int, len(variables))
	for name, index := range variables {
		segments[pathPrefix+name] = index
	}
	env, err := c.env(segments)
	if err != nil {
		return nil, []Mistake{{1, 0, "conditions cannot be compiled: " + err.Error()}}
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, explainer{text: text, segments: segments}.mistakes(issues.Errors())
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, []Mistake{notBool(text, ast.OutputType())}
	}
	if cost, err := env.EstimateCost(ast, noSizes{}); err != nil || cost.Min > costLimit {
		return nil, []Mistake{{1, 0, fmt.Sprintf("always costs more than the limit of %d steps; write a shorter condition", costLimit)}}
	}
	// CEL's own optimization would compile regular expressions without a bound.
	optimized := cel.EvalOptions(cel.OptOptimize)
	sizes, computed := regexes(ast)
	if len(sizes) > 0 {
		optimized = cel.OptimizeRegex(matchesBounded())
	}
	for _, id := range computed {
		at := ast.NativeRep().SourceInfo().GetStartLocation(id)
		return nil, []Mistake{{at.Line(), at.Column(), "computed regular expressions are not supported; write the expression as a quoted string"}}
	}
	program, err := env.Program(ast, optimized, cel.CostTracking(costs{regexes: sizes}), cel.CostLimit(costLimit))
	if err != nil {
		return nil, []Mistake{{1, 0, "cannot be compiled; write a simpler condition"}}
	}
	return &Condition{
		text: text, program: program, segments: segments,
		reads: readsOf(ast), reveals: revealsOf(ast), negations: negationsOf(ast),
	}, nil
}

// Check evaluates the condition for a verified token and a request. If it is false or
// cannot be evaluated, the error is a *[denial.Error] of kind [ErrFalse] or
// [ErrEvaluation]. It keeps neither the token nor the request.
func (c *Condition) Check(t *token.Token, r *request.Parsed, now time.Time) error {
	a := &activation{token: t, request: r, now: now, segments: c.segments}
	result, why := c.evaluate(a)
	switch {
	case why != "":
		return denial.New(ErrEvaluation, string(why)+" in "+strconv.Quote(oneLine(c.text))).Advise(why.fixes()...)
	case !result:
		values := c.revealed(a)
		failure := denial.New(ErrFalse, oneLine(c.text)+values).Advise(denial.FixCondition.With(strconv.Quote(oneLine(c.text))))
		if values != "" {
			failure.Revealed = []string{strings.TrimPrefix(values, revealedBy)}
		}
		return failure
	}
	return nil
}

// evaluate returns the value of the condition or, if it cannot be evaluated, why. CEL
// converts a panic, also one of the activation, to an error.
func (c *Condition) evaluate(a *activation) (result bool, why failure) {
	out, _, err := c.program.Eval(a)
	if err != nil {
		return false, failureOf(err)
	}
	return out == types.True, ""
}

// oneLine returns the text of a condition on one line, cut to a length fit for a log.
func oneLine(text string) string {
	printable := func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}
	return quote.Cut(strings.Map(printable, strings.Join(strings.Fields(text), " ")), 256)
}
