package route

import "strings"

// index finds the first rule that covers a request without a look at all others:
// by the host, and then by the path's segments, one after the other.
type index struct {
	any       *tree            // rules for any host
	hosts     map[string]*tree // rules for one host, by its name
	wildcards map[string]*tree // rules for all hosts below a name, by that name with the dot before it
}

// newIndex holds rules by their place in the list, under what fold makes of their
// literal segments; nil: under those themselves. Rules that are reachable by name
// only are left out.
func newIndex(rules []*Rule, fold func(string) string) *index {
	x := &index{any: &tree{}, hosts: map[string]*tree{}, wildcards: map[string]*tree{}}
	below := func(in map[string]*tree, name string) *tree {
		if in[name] == nil {
			in[name] = &tree{}
		}
		return in[name]
	}
	for number, r := range rules {
		if r.byNameOnly {
			continue
		}
		p := &r.pattern
		if fold != nil {
			p = p.folded(fold)
		}
		if len(r.hosts) == 0 {
			x.any.insert(p, number)
		}
		for _, host := range r.hosts {
			if parent, wildcard := strings.CutPrefix(host, "*"); wildcard {
				below(x.wildcards, parent).insert(p, number)
			} else {
				below(x.hosts, host).insert(p, number)
			}
		}
	}
	return x
}

// first returns the number of the first rule that covers a request; none: that
// of no rule.
func (x *index) first(rules []*Rule, method, host string, segments []string, none int) int {
	best := x.any.first(rules, method, segments, none)
	if len(x.hosts) > 0 {
		best = x.hosts[host].first(rules, method, segments, best)
	}
	if len(x.wildcards) == 0 {
		return best
	}
	for rest := host; ; {
		dot := strings.IndexByte(rest, '.')
		if dot < 0 {
			return best
		}
		if rest = rest[dot:]; len(rest) < len(host) { // *.x is not x
			best = x.wildcards[rest].first(rules, method, segments, best)
		}
		rest = rest[1:]
	}
}

// first returns the number of the first rule in the tree, before best, that takes
// the method and whose pattern covers the segments; best when there is none.
func (n *tree) first(rules []*Rule, method string, segments []string, best int) int {
	if n == nil {
		return best
	}
	best = earliest(rules, n.rests, method, best)
	if len(segments) == 0 {
		return earliest(rules, n.ends, method, best)
	}
	best = n.literals[segments[0]].first(rules, method, segments[1:], best)
	if segments[0] != "" {
		best = n.variable.first(rules, method, segments[1:], best)
	}
	return best
}

// earliest returns the first of numbers, which ascend, that is before best and
// whose rule takes the method.
func earliest(rules []*Rule, numbers []int, method string, best int) int {
	for _, number := range numbers {
		if number >= best {
			break
		}
		if rules[number].pattern.matchMethod(method) {
			return number
		}
	}
	return best
}
