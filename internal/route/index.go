package route

import "strings"

// index finds the first rule that covers a request: by the host, then by the segments of
// the path.
type index struct {
	any       *Tree            // rules for any host
	hosts     map[string]*Tree // :: host -> its rules
	wildcards map[string]*Tree // :: parent domain with a leading dot -> rules for all hosts below it
}

// newIndex indexes rules by their literal segments or, with folded, by those in folded
// letter case. Rules that can only be named are left out.
func newIndex(rules []*Rule, folded bool) *index {
	x := &index{any: &Tree{}, hosts: map[string]*Tree{}, wildcards: map[string]*Tree{}}
	tree := func(in map[string]*Tree, name string) *Tree {
		if in[name] == nil {
			in[name] = &Tree{}
		}
		return in[name]
	}
	for number, r := range rules {
		if r.byNameOnly {
			continue
		}
		p := &r.pattern
		if folded {
			p = p.folded()
		}
		if len(r.hosts) == 0 {
			x.any.Insert(p, number)
		}
		for _, host := range r.hosts {
			if parent, wildcard := strings.CutPrefix(host, "*"); wildcard {
				tree(x.wildcards, parent).Insert(p, number)
			} else {
				tree(x.hosts, host).Insert(p, number)
			}
		}
	}
	return x
}

// first returns the number of the first rule that covers a request, or none.
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
		if rest = rest[dot:]; len(rest) < len(host) { // *.example does not match .example
			best = x.wildcards[rest].first(rules, method, segments, best)
		}
		rest = rest[1:]
	}
}
