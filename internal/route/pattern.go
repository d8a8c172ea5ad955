package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Pattern is the match of a route: [METHOD,...] PATH.
type Pattern struct {
	Methods  []string // empty: any
	Segments []Segment
	Rest     bool // the path ends with **, which matches the path before it and all below it
}

// Segment is a literal segment, or a template variable, which matches any one segment
// that is not empty.
type Segment struct {
	Literal  string
	Variable string // the variable's name; "" for a literal
}

// parsePattern parses a match. Its errors say what to write instead.
func parsePattern(match string) (Pattern, error) {
	var p Pattern
	fields := strings.Fields(match)
	switch len(fields) {
	case 1:
	case 2:
		methods, err := parseMethods(fields[0])
		if err != nil {
			return Pattern{}, err
		}
		p.Methods = methods
	default:
		return Pattern{}, notAMatch(match, fields)
	}
	path := fields[len(fields)-1]
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return Pattern{}, notAPath(path)
	}
	texts := strings.Split(rest, "/")
	for i, text := range texts {
		if text == "**" {
			if i != len(texts)-1 {
				return Pattern{}, errors.New("** matches the rest of the path; write it as the last segment")
			}
			p.Rest = true
			break
		}
		one, err := parsePatternSegment(text, i == len(texts)-1)
		if err != nil {
			return Pattern{}, err
		}
		if one.Variable != "" && slices.Contains(p.Segments, one) {
			return Pattern{}, fmt.Errorf("duplicate variable {%s}; give each variable a different name", one.Variable)
		}
		p.Segments = append(p.Segments, one)
	}
	return p, nil
}

// notAMatch explains a match that is not one or two words.
func notAMatch(match string, fields []string) error {
	last := len(fields) - 1
	if last < 0 || !strings.Contains(match, ",") || !strings.HasPrefix(fields[last], "/") {
		return fmt.Errorf("invalid match %q; expected a path, or methods and a path: GET,HEAD /orders/{id}", match)
	}
	methods := strings.FieldsFunc(strings.Join(fields[:last], ","), func(r rune) bool { return r == ',' })
	return fmt.Errorf("invalid match %q: a space ends the list of methods; write %s %s", match, strings.Join(methods, ","), fields[last])
}

// notAPath explains a path that does not begin with a slash.
func notAPath(path string) error {
	if _, afterScheme, isURL := strings.Cut(path, "://"); isURL {
		host, rest, _ := strings.Cut(afterScheme, "/")
		return fmt.Errorf("%q is a URL; write the path %q here, and hosts: [%s]", path, "/"+rest, host)
	}
	if strings.ContainsAny(path, "^$()|") || strings.Contains(path, ".*") {
		return fmt.Errorf("%q looks like a regular expression, which is not supported; write a path such as /api/**", path)
	}
	fixed := "/" + path
	if strings.HasSuffix(fixed, "/*") { // which is not valid either
		fixed += "*"
	}
	return fmt.Errorf("%q does not begin with /; write %q", path, fixed)
}

func parseMethods(text string) ([]string, error) {
	methods := strings.Split(text, ",")
	for i, method := range methods {
		switch {
		case method == "*" || strings.EqualFold(method, "any") || strings.EqualFold(method, "all"):
			return nil, fmt.Errorf("invalid method %q; to match every method, omit the methods", method)
		case strings.Contains(method, "|"):
			return nil, fmt.Errorf("invalid list of methods %q; write %q", text, strings.ReplaceAll(text, "|", ","))
		case strings.Contains(method, "*"):
			return nil, fmt.Errorf("invalid method %q; write each method, or none to match every method", method)
		case !config.Token(method):
			return nil, fmt.Errorf("invalid list of methods %q; write them with commas and without spaces: GET,HEAD", text)
		case method != strings.ToUpper(method):
			return nil, fmt.Errorf("methods are case-sensitive, and clients do not send %q; write %q", method, strings.ToUpper(method))
		case slices.Contains(methods[:i], method):
			return nil, fmt.Errorf("duplicate method %s; write it once", method)
		}
	}
	return methods, nil
}

func parsePatternSegment(text string, last bool) (Segment, error) {
	if inner, ok := strings.CutPrefix(text, "{"); ok && strings.HasSuffix(inner, "}") {
		name := strings.TrimSuffix(inner, "}")
		if !variableName(name) {
			return Segment{}, fmt.Errorf("invalid variable %q; expected a letter and then letters, digits or _, such as {id}", text)
		}
		return Segment{Variable: name}, nil
	}
	switch {
	case text == "" && !last:
		return Segment{}, errors.New("an empty segment (//) matches no request, because such paths are refused; remove one slash")
	case text == "." || text == "..":
		return Segment{}, fmt.Errorf("a dot segment matches no request, because such paths are refused; write the path without %q", text)
	case strings.Contains(text, "*"):
		return Segment{}, fmt.Errorf("invalid segment %q: wildcards inside a segment are not supported; "+
			"write {name} for one segment, or end with ** for the rest", text)
	case strings.ContainsAny(text, "{}"):
		return Segment{}, fmt.Errorf("invalid segment %q: a variable is a whole segment; write only {name} between two slashes", text)
	case strings.HasPrefix(text, ":") && variableName(text[1:]), strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">"):
		return Segment{}, fmt.Errorf("%q matches only that text; to match any one segment, write {%s}", text, strings.Trim(text, ":<>"))
	case strings.ContainsAny(text, "%"):
		return Segment{}, fmt.Errorf("invalid segment %q: paths are matched after decoding; write the character without percent-encoding", text)
	case strings.ContainsAny(text, `;\#?`):
		return Segment{}, fmt.Errorf("invalid segment %q: no path that is matched contains ; \\ # or ?; remove it", text)
	}
	return Segment{Literal: text}, nil
}

func variableName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// matchPath reports whether the pattern matches a path. It ignores methods.
func (p *Pattern) matchPath(path *request.Path) bool {
	if len(path.Segments()) < len(p.Segments) || len(path.Segments()) > len(p.Segments) && !p.Rest {
		return false
	}
	for i, one := range p.Segments {
		got := path.Segments()[i]
		switch {
		case one.Variable != "" && got == "",
			one.Variable == "" && !path.IgnoreCase() && one.Literal != got,
			one.Variable == "" && path.IgnoreCase() && !strings.EqualFold(one.Literal, got):
			return false
		}
	}
	return true
}

// hasCapitals reports whether folding changes a literal segment.
func (p *Pattern) hasCapitals() bool {
	return slices.ContainsFunc(p.Segments, func(one Segment) bool { return request.Fold(one.Literal) != one.Literal })
}

// folded returns the pattern with each literal segment folded.
func (p *Pattern) folded() *Pattern {
	copied := *p
	copied.Segments = slices.Clone(p.Segments)
	for i := range copied.Segments {
		copied.Segments[i].Literal = request.Fold(copied.Segments[i].Literal)
	}
	return &copied
}

// matchMethod reports whether the pattern matches a method.
func (p *Pattern) matchMethod(method string) bool {
	return len(p.Methods) == 0 || slices.Contains(p.Methods, method)
}

// variables returns the names of the template variables, each with the index of its
// segment.
func (p *Pattern) variables() map[string]int {
	names := make(map[string]int)
	for i, segment := range p.Segments {
		if segment.Variable != "" {
			names[segment.Variable] = i
		}
	}
	return names
}

// Path returns the path of the match, as written in the configuration.
func (p *Pattern) Path() string {
	var b strings.Builder
	for _, segment := range p.Segments {
		b.WriteByte('/')
		b.WriteString(segment.Literal)
		if segment.Variable != "" {
			b.WriteString("{" + segment.Variable + "}")
		}
	}
	if p.Rest {
		b.WriteString("/**")
	}
	return b.String()
}
