package route

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// anyMethod stands in examples for a method that no route names.
const anyMethod = "ANY"

// coversPath reports whether every path that q matches is one that p matches.
func (p *pattern) coversPath(q *pattern) bool {
	if len(q.segments) < len(p.segments) || !p.rest && (q.rest || len(q.segments) > len(p.segments)) {
		return false
	}
	for i := range p.segments {
		if !p.segments[i].covers(q.segments[i]) {
			return false
		}
	}
	return true
}

// covers reports whether a segment takes all that another one takes.
func (s segment) covers(other segment) bool {
	if s.variable != "" {
		return other.variable != "" || other.literal != ""
	}
	return other.variable == "" && s.literal == other.literal
}

// commonPaths returns examples of paths that two patterns match which meet: the
// shortest, and one below it where both take any.
func commonPaths(p, q *pattern) []*request.Path {
	longer, other := p, q
	if len(longer.segments) < len(other.segments) {
		longer, other = other, longer
	}
	both := pattern{segments: slices.Clone(longer.segments)}
	for i, one := range other.segments {
		if one.variable == "" {
			both.segments[i] = one
		}
	}
	paths := []*request.Path{both.example()}
	if p.rest && q.rest {
		both.segments = append(both.segments, segment{variable: "any"})
		paths = append(paths, both.example())
	}
	return paths
}

// example returns a path that the pattern matches, the shortest, in which each
// variable stands for its name.
func (p *pattern) example() *request.Path {
	segments := make([]string, len(p.segments))
	for i, one := range p.segments {
		segments[i] = one.literal
		if one.variable != "" {
			segments[i] = "some-" + one.variable
		}
	}
	if len(segments) == 0 {
		segments = []string{""}
	}
	path := request.NewPath(segments)
	return &path
}

// text renders the pattern's path as it is written.
func (p *pattern) text() string {
	var b strings.Builder
	for _, one := range p.segments {
		b.WriteByte('/')
		b.WriteString(one.literal)
		if one.variable != "" {
			b.WriteString("{" + one.variable + "}")
		}
	}
	if p.rest {
		b.WriteString("/**")
	}
	return b.String()
}

// coversMethods reports whether a list of methods takes all that another one
// takes; an empty list takes any.
func coversMethods(methods, other []string) bool {
	if len(methods) == 0 || len(other) == 0 {
		return len(methods) == 0
	}
	return !slices.ContainsFunc(other, func(one string) bool { return !slices.Contains(methods, one) })
}

// commonMethod returns a method that both lists take.
func commonMethod(p, q []string) (string, bool) {
	if len(p) == 0 {
		return exampleMethods(q)[0], true
	}
	for _, one := range p {
		if len(q) == 0 || slices.Contains(q, one) {
			return one, true
		}
	}
	return "", false
}

// exampleMethods returns the methods or, when any is taken, a stand-in and those
// that are used most.
func exampleMethods(methods []string) []string {
	if len(methods) == 0 {
		return []string{anyMethod, "GET", "POST"}
	}
	return methods
}

// coversHosts reports whether a list of hosts takes all that another one takes.
func coversHosts(hosts, other []string) bool {
	return !slices.ContainsFunc(orAny(other), func(one string) bool { return !coversHost(hosts, one) })
}

// coversHost reports whether a list of hosts takes all that one host pattern
// takes; "" is any host.
func coversHost(hosts []string, one string) bool {
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(pattern string) bool {
		return pattern == one || config.MatchHost(pattern, strings.TrimPrefix(one, "*"))
	})
}

// commonHost returns a host that both lists take, "" when any will do.
func commonHost(p, q []string) (string, bool) {
	if len(p) == 0 {
		return exampleHost(q), true
	}
	if len(q) == 0 {
		return exampleHost(p), true
	}
	for _, one := range p {
		for _, other := range q {
			if coversHost([]string{one}, other) {
				return exampleHost([]string{other}), true
			}
			if coversHost([]string{other}, one) {
				return exampleHost([]string{one}), true
			}
		}
	}
	return "", false
}

// exampleHost returns a host that a list takes, "" when it takes any.
func exampleHost(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	if wildcard(hosts[0]) {
		return "some" + hosts[0][1:]
	}
	return hosts[0]
}

func wildcard(host string) bool { return strings.HasPrefix(host, "*") }

// orAny returns a list, or one item that stands for any when it is empty.
func orAny(items []string) []string {
	if len(items) == 0 {
		return []string{""}
	}
	return items
}
