package routelint

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// anyMethod is a method that no route names.
const anyMethod = "ANY"

// coversPath reports whether p matches every path that q matches.
func coversPath(p, q *route.Pattern) bool {
	if len(q.Segments) < len(p.Segments) || !p.Rest && (q.Rest || len(q.Segments) > len(p.Segments)) {
		return false
	}
	for i := range p.Segments {
		if !coversSegment(p.Segments[i], q.Segments[i]) {
			return false
		}
	}
	return true
}

// coversSegment reports whether s matches everything that other matches.
func coversSegment(s, other route.Segment) bool {
	if s.Variable != "" {
		return other.Variable != "" || other.Literal != ""
	}
	return other.Variable == "" && s.Literal == other.Literal
}

// commonPaths returns examples of paths that both of two overlapping patterns match: the
// shortest, and one below it if both end with **.
func commonPaths(p, q *route.Pattern) []*request.Path {
	longer, other := p, q
	if len(longer.Segments) < len(other.Segments) {
		longer, other = other, longer
	}
	both := route.Pattern{Segments: slices.Clone(longer.Segments)}
	for i, segment := range other.Segments {
		if segment.Variable == "" {
			both.Segments[i] = segment
		}
	}
	paths := []*request.Path{examplePath(&both)}
	if p.Rest && q.Rest {
		both.Segments = append(both.Segments, route.Segment{Variable: "any"})
		paths = append(paths, examplePath(&both))
	}
	return paths
}

// examplePath returns the shortest path that a pattern matches, with the names of its
// variables as their values.
func examplePath(p *route.Pattern) *request.Path {
	segments := make([]string, len(p.Segments))
	for i, segment := range p.Segments {
		segments[i] = segment.Literal
		if segment.Variable != "" {
			segments[i] = "some-" + segment.Variable
		}
	}
	if len(segments) == 0 {
		segments = []string{""}
	}
	path := request.NewPath(segments)
	return &path
}

// coversMethods reports whether a list of methods includes another one. An empty list is
// every method.
func coversMethods(methods, other []string) bool {
	if len(methods) == 0 || len(other) == 0 {
		return len(methods) == 0
	}
	return !slices.ContainsFunc(other, func(method string) bool { return !slices.Contains(methods, method) })
}

// commonMethod returns a method in both lists, of which an empty one is every method.
func commonMethod(p, q []string) (method string, found bool) {
	switch {
	case len(p) == 0 && len(q) == 0:
		return anyMethod, true
	case len(p) == 0:
		return q[0], true
	case len(q) == 0:
		return p[0], true
	}
	for _, method := range p {
		if slices.Contains(q, method) {
			return method, true
		}
	}
	return "", false
}

// coversHosts reports whether a list of hosts includes another one.
func coversHosts(hosts, other []string) bool {
	return !slices.ContainsFunc(orAny(other), func(host string) bool { return !coversHost(hosts, host) })
}

// coversHost reports whether a list of hosts includes all hosts of one pattern; "" is any
// host.
func coversHost(hosts []string, one string) bool {
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(pattern string) bool {
		return pattern == one || config.MatchHost(pattern, strings.TrimPrefix(one, "*"))
	})
}

// commonHost returns a host in both lists, "" if both are any host.
func commonHost(p, q []string) (host string, found bool) {
	for _, one := range orAny(p) {
		for _, other := range orAny(q) {
			switch {
			case one == "" || other != "" && coversHost([]string{one}, other):
				return exampleHost([]string{other}), true
			case other == "" || coversHost([]string{other}, one):
				return exampleHost([]string{one}), true
			}
		}
	}
	return "", false
}

// exampleHost returns a host of a list, "" if it is any host.
func exampleHost(hosts []string) string {
	first := orAny(hosts)[0]
	if wildcard(first) {
		return "some" + first[1:]
	}
	return first
}

func wildcard(host string) bool { return strings.HasPrefix(host, "*") }

// orAny returns a list or, if it is empty, the one item "", which means any.
func orAny(items []string) []string {
	if len(items) == 0 {
		return []string{""}
	}
	return items
}
