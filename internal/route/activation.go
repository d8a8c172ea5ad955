package route

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

// pathVariables stands before the name of each template variable.
const pathVariables = "path."

// errNoIssuedAt is what a condition meets that asks when a token was issued
// which does not say.
const errNoIssuedAt = "the token has no iat"

// variables are what a condition can look at beside the template variables of
// its route. Each is declared by its whole name, so that one which is not there
// is found when the condition is compiled.
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

// env returns CEL's declarations with these template variables: its standard
// functions and macros, no extension and no function of our own.
func (c *compiler) env(segments map[string]int) (*cel.Env, error) {
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
			cel.ParserExpressionSizeLimit(maxCondition),
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

// activation is what one evaluation of a condition sees. Each value is made when it
// is asked for.
type activation struct {
	token    *token.Token
	request  *request.Parsed
	now      time.Time
	segments map[string]int
	headers  map[string]string // made at first use
}

// Parent returns nil: there is nothing beside it.
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
	if value, ok := a.ofToken(name); ok {
		return value, true
	}
	at, ok := a.segments[name]
	if !ok || at >= len(a.request.Path.Segments()) {
		return nil, false
	}
	return a.request.Path.Segments()[at], true
}

func (a *activation) ofToken(name string) (any, bool) {
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
			return types.NewErr(errNoIssuedAt), true
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

// headerMap holds the request's headers by their names in lower case; the values
// of several of one name are joined with a comma (RFC 9110 section 5.3). The
// pseudo-headers of HTTP/2 are no fields, and stand in variables of their own.
func (a *activation) headerMap() map[string]string {
	if a.headers != nil {
		return a.headers
	}
	a.headers = make(map[string]string, len(a.request.Headers))
	for _, one := range a.request.Headers {
		if strings.HasPrefix(one.Name, ":") {
			continue
		}
		name := strings.Map(request.Lower, one.Name)
		if before, there := a.headers[name]; there {
			a.headers[name] = before + "," + one.Value
			continue
		}
		a.headers[name] = one.Value
	}
	return a.headers
}

// adapter makes CEL's values of Go'a. Maps and lists are wrapped, not copied;
// what they hold is adapted when it is asked for.
type adapter struct{}

// NativeToValue makes a value of CEL.
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

// number makes a JSON number one of CEL's: an integer where its text is one and
// fits, else a double. One that is larger than any double is an error.
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
