package condition

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/token"
)

// pathPrefix begins the name of each template variable.
const pathPrefix = "path."

// variables are the variables that every condition has. Each is declared with its full
// name, so that the compiler finds an unknown field.
func variables() map[string]*cel.Type {
	texts := cel.ListType(cel.StringType)
	return map[string]*cel.Type{
		"claims":           cel.MapType(cel.StringType, cel.DynType),
		"now":              cel.TimestampType,
		"request.headers":  cel.MapType(cel.StringType, cel.StringType),
		"request.host":     cel.StringType,
		"request.method":   cel.StringType,
		"request.path":     cel.StringType,
		"request.query":    cel.StringType,
		"source.address":   cel.StringType,
		"source.principal": cel.StringType,
		"token.client":     cel.StringType,
		"token.expires_at": cel.TimestampType,
		"token.groups":     texts,
		"token.issued_at":  cel.TimestampType,
		"token.issuer":     cel.StringType,
		"token.kind":       cel.StringType,
		"token.scopes":     texts,
		"token.subject":    cel.StringType,
	}
}

// env returns the declarations with these template variables.
func (c *Compiler) env(segments map[string]int) (*cel.Env, error) {
	names := make([]string, 0, len(segments))
	for name := range segments {
		names = append(names, name)
	}
	slices.Sort(names)
	key := strings.Join(names, ",")
	if env, ok := c.envs[key]; ok {
		return env, nil
	}
	if c.base == nil {
		options := []cel.EnvOption{
			cel.StdLib(),
			cel.CustomTypeAdapter(adapter{}),
			cel.CrossTypeNumericComparisons(true),
			cel.ParserExpressionSizeLimit(maxLength),
			cel.RegexProgramSizeLimit(maxRegexProgram),
			cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateRegexProgramSizeLimit(maxRegexProgram),
				cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals()),
		}
		for name, kind := range variables() {
			options = append(options, cel.Variable(name, kind))
		}
		base, err := cel.NewCustomEnv(options...)
		if err != nil {
			return nil, err
		}
		c.base, c.envs = base, map[string]*cel.Env{}
	}
	own := make([]cel.EnvOption, len(names))
	for i, name := range names {
		own[i] = cel.Variable(name, cel.StringType)
	}
	env, err := c.base.Extend(own...)
	if err != nil {
		return nil, err
	}
	c.envs[key] = env
	return env, nil
}

// activation gives CEL the values of variables for one evaluation. It makes each value
// when CEL asks for it.
type activation struct {
	token    *token.Token
	request  *request.Parsed
	now      time.Time
	segments map[string]int
	headers  map[string]string // nil before the first use
}

// Parent returns nil: this is the outermost activation.
func (*activation) Parent() cel.Activation { return nil }

// ResolveName returns the value of a variable.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "claims":
		return a.token.Claims(), true
	case "now":
		return types.Timestamp{Time: a.now}, true
	case "request.headers":
		return a.headerMap(), true
	case "request.host":
		return a.request.Host, true
	case "request.method":
		return a.request.Method, true
	case "request.path":
		return a.request.Path.String(), true
	case "request.query":
		return a.request.Query, true
	case "source.address":
		return a.request.Source, true
	case "source.principal":
		return a.request.Principal, true
	}
	if value, ok := a.resolveToken(name); ok {
		return value, true
	}
	index, ok := a.segments[name]
	if !ok || index >= len(a.request.Path.Segments()) {
		return nil, false
	}
	return a.request.Path.Segments()[index], true
}

func (a *activation) resolveToken(name string) (any, bool) {
	switch name {
	case "token.client":
		return a.token.Client, true
	case "token.expires_at":
		return types.Timestamp{Time: a.token.Expiry}, true
	case "token.groups":
		return a.token.Groups(), true
	case "token.issued_at":
		at, known := a.token.IssuedAt()
		if !known {
			return types.NewErr(noIssuedAt), true
		}
		return types.Timestamp{Time: at}, true
	case "token.issuer":
		return a.token.Issuer, true
	case "token.kind":
		return string(a.token.Kind), true
	case "token.scopes":
		return a.token.Scopes(), true
	case "token.subject":
		return a.token.Subject, true
	}
	return nil, false
}

// headerMap returns the request's header fields by lower-case name. The values of a field
// that occurs more than once are joined with a comma (RFC 9110 section 5.3). The
// pseudo-headers of HTTP/2 are left out: they have variables of their own.
func (a *activation) headerMap() map[string]string {
	if a.headers != nil {
		return a.headers
	}
	a.headers = make(map[string]string, len(a.request.Headers))
	for _, h := range a.request.Headers {
		if strings.HasPrefix(h.Name, ":") {
			continue
		}
		name := strings.Map(request.Lower, h.Name)
		if before, found := a.headers[name]; found {
			a.headers[name] = before + "," + h.Value
			continue
		}
		a.headers[name] = h.Value
	}
	return a.headers
}

// adapter converts Go values to CEL values. It wraps maps and lists without a copy, and
// converts an item when CEL asks for it.
type adapter struct{}

// NativeToValue returns the CEL value of a Go value.
func (n adapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case json.Number:
		return number(string(v))
	case map[string]any:
		return types.NewStringInterfaceMap(n, v)
	case []any:
		return types.NewDynamicList(n, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// number converts a JSON number: to an integer if it is written as one that fits, else to
// a double. A number beyond the range of a double is an error.
func number(text string) ref.Val {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return types.Int(i)
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return types.Uint(u)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return types.NewErr("range of a number")
	}
	return types.Double(f)
}
