package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// pattern is the compiled text of a route's match: [METHOD,...] PATH.
type pattern struct {
	methods  []string // empty: any
	segments []segment
	rest     bool // ** stands last: anything below matches, and the path itself
}

// segment is one literal segment, or a template variable that takes one
// segment that is not empty.
type segment struct {
	literal  string
	variable string // not empty: the variable's name
}

// parsePattern compiles a match. Its errors say what to write instead.
func parsePattern(match string) (pattern, error) {
	var p pattern
	fields := strings.Fields(match)
	switch len(fields) {
	case 1:
	case 2:
		methods, err := parseMethods(fields[0])
		if err != nil {
			return pattern{}, err
		}
		p.methods = methods
	default:
		return pattern{}, notAMatch(match, fields)
	}
	path := fields[len(fields)-1]
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return pattern{}, notAPath(path)
	}
	texts := strings.Split(rest, "/")
	for i, text := range texts {
		if text == "**" {
			if i != len(texts)-1 {
				return pattern{}, errors.New("** stands for the rest of the path; write it last")
			}
			p.rest = true
			break
		}
		one, err := parsePatternSegment(text, i == len(texts)-1)
		if err != nil {
			return pattern{}, err
		}
		if one.variable != "" && slices.Contains(p.segments, one) {
			return pattern{}, fmt.Errorf("{%s} stands twice; give each variable a name of its own", one.variable)
		}
		p.segments = append(p.segments, one)
	}
	return p, nil
}

// notAMatch says what to write instead of a match that has more words than two,
// or none.
func notAMatch(match string, fields []string) error {
	last := len(fields) - 1
	if last < 0 || !strings.Contains(match, ",") || !strings.HasPrefix(fields[last], "/") {
		return fmt.Errorf("%q is no match; write a path, or methods and a path: GET,HEAD /orders/{id}", match)
	}
	methods := strings.FieldsFunc(strings.Join(fields[:last], ","), func(r rune) bool { return r == ',' })
	return fmt.Errorf("%q has a space beside a comma, which ends the methods; write %s %s", match, strings.Join(methods, ","), fields[last])
}

// notAPath says what to write instead of a path that does not begin with /.
func notAPath(path string) error {
	if host, rest, isURL := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "https://"), "http://"), "/"); isURL && strings.Contains(path, "://") {
		return fmt.Errorf("%q is a URL; write the path %q here, and hosts: [%s]", path, "/"+rest, host)
	}
	if strings.ContainsAny(path, "^$()|") || strings.Contains(path, ".*") {
		return fmt.Errorf("%q looks like a regular expression, which is not taken; write a path such as /api/**", path)
	}
	mend := "/" + path
	if strings.HasSuffix(mend, "/*") { // which is no path either
		mend += "*"
	}
	return fmt.Errorf("%q does not begin with /; write %q", path, mend)
}

func parseMethods(text string) ([]string, error) {
	methods := strings.Split(text, ",")
	for i, method := range methods {
		switch {
		case method == "*" || strings.EqualFold(method, "any") || strings.EqualFold(method, "all"):
			return nil, fmt.Errorf("%q is no method; leave the methods out to take any", method)
		case strings.Contains(method, "|"):
			return nil, fmt.Errorf("%q is no list of methods; write %q", text, strings.ReplaceAll(text, "|", ","))
		case strings.Contains(method, "*"):
			return nil, fmt.Errorf("%q is no method; write each method that is meant, or none to take any", method)
		case !config.Token(method):
			return nil, fmt.Errorf("%q is no list of methods; write them with commas and no spaces: GET,HEAD", text)
		case method != strings.ToUpper(method):
			return nil, fmt.Errorf("methods are case-sensitive and %q is not one that clients send; write %q", method, strings.ToUpper(method))
		case slices.Contains(methods[:i], method):
			return nil, fmt.Errorf("%s stands twice; write it once", method)
		}
	}
	return methods, nil
}

func parsePatternSegment(text string, last bool) (segment, error) {
	if inner, ok := strings.CutPrefix(text, "{"); ok && strings.HasSuffix(inner, "}") {
		name := strings.TrimSuffix(inner, "}")
		if !variableName(name) {
			return segment{}, fmt.Errorf("%q is no variable; write a letter and then letters, digits or _ between the braces, such as {id}", text)
		}
		return segment{variable: name}, nil
	}
	switch {
	case text == "" && !last:
		return segment{}, errors.New("an empty segment (//) matches no request, since such paths are refused; take one slash out")
	case text == "." || text == "..":
		return segment{}, fmt.Errorf("a dot segment matches no request, since such paths are refused; write the path without %q", text)
	case strings.Contains(text, "*"):
		return segment{}, fmt.Errorf("%q: * has no meaning inside a segment; write {name} for one segment, or ** as the last one for the rest", text)
	case strings.ContainsAny(text, "{}"):
		return segment{}, fmt.Errorf("%q: a variable stands for a whole segment; write {name} alone between two slashes", text)
	case strings.HasPrefix(text, ":") && variableName(text[1:]), strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">"):
		return segment{}, fmt.Errorf("%q matches only itself; write {%s} for any one segment", text, strings.Trim(text, ":<>"))
	case strings.ContainsAny(text, "%"):
		return segment{}, fmt.Errorf("%q: segments are matched after decoding; write the character itself instead of its percent-encoding", text)
	case strings.ContainsAny(text, `;\#?`):
		return segment{}, fmt.Errorf("%q holds one of ; \\ # ? which no matched path has; take it out", text)
	}
	return segment{literal: text}, nil
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

// matchPath reports whether the pattern's path covers p. Methods are not
// looked at.
func (p *pattern) matchPath(path *request.Path) bool {
	if len(path.Segments()) < len(p.segments) || len(path.Segments()) > len(p.segments) && !p.rest {
		return false
	}
	for i, one := range p.segments {
		got := path.Segments()[i]
		switch {
		case one.variable != "" && got == "",
			one.variable == "" && !path.IgnoreCase() && one.literal != got,
			one.variable == "" && path.IgnoreCase() && !strings.EqualFold(one.literal, got):
			return false
		}
	}
	return true
}

// hasCapitals reports whether a literal segment is another one when it is folded.
func (p *pattern) hasCapitals() bool {
	return slices.ContainsFunc(p.segments, func(one segment) bool { return request.Fold(one.literal) != one.literal })
}

// folded returns the pattern with each literal segment folded.
func (p *pattern) folded(fold func(string) string) *pattern {
	copied := *p
	copied.segments = slices.Clone(p.segments)
	for i := range copied.segments {
		copied.segments[i].literal = request.Fold(copied.segments[i].literal)
	}
	return &copied
}

// matchMethod reports whether the pattern takes a method.
func (p *pattern) matchMethod(method string) bool {
	return len(p.methods) == 0 || slices.Contains(p.methods, method)
}
