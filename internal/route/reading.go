package route

import "slices"

// Target is the part of a request that selects its rules.
type Target struct {
	Method string
	// Overrides are the methods that the request's query names in place of its
	// own, as [AppendOverrides] finds them.
	Overrides []string
	Host      string // in the form of [ParseHost]
	Path      Path
}

// Select returns the rules that a request is held to: its own rule, which is the
// first that covers it as it was sent, and the further rules, which it selects
// under another reading. A reading is any combination of: letter case ignored on
// both sides; the final slash added or removed; HEAD as GET, unless the own rule
// names HEAD; an overriding method. A rule that is found under a reading is a
// further one if it comes before the own rule or does not cover the request as it
// was sent; what covers it and comes later is no more than the rest of the file.
//
// The further rules are in file order, the default last, and each once; they are
// appended to further. What Select costs grows with the length of the path and the
// number of overrides, not with the number of routes.
func (t *Table) Select(r *Target, further []*Rule) (own *Rule, _ []*Rule) {
	own = t.Match(r.Method, r.Host, r.Path)
	begin := len(further)
	collect := func(method string) { further = t.readPaths(own, r, method, further, begin) }
	collect(r.Method)
	for _, method := range r.Overrides {
		collect(method)
		if method == "HEAD" {
			collect("GET")
		}
	}
	if r.Method == "HEAD" && !slices.Contains(own.pattern.methods, "HEAD") {
		collect("GET")
	}
	return own, further
}

// readPaths appends the further rules of a request under each reading of its path,
// with this method, to those behind begin.
func (t *Table) readPaths(own *Rule, r *Target, method string, further []*Rule, begin int) []*Rule {
	exact := r.Path.segments
	slashed, hasSlashed := r.Path.otherSlash()
	if r.Path.ignoreCase {
		exact, slashed = r.Path.folded(len(exact)), r.Path.folded(len(slashed))
	}
	look := func(in *index, segments []string) {
		number := in.first(t.rules, method, r.Host, segments, len(t.rules))
		if number == len(t.rules) {
			return // the default: it covers every request, and comes last
		}
		found := t.rules[number]
		if found == own || found.Covers(r.Method, r.Host, r.Path) {
			return
		}
		further = insert(further, begin, found)
	}
	sent := t.exact
	if r.Path.ignoreCase {
		sent = t.folded
	}
	if method != r.Method {
		look(sent, exact)
	}
	if hasSlashed && !r.Path.slashSensitive {
		look(sent, slashed)
	}
	if r.Path.ignoreCase || r.Path.caseSensitive || t.exact == t.folded && r.Path.isFolded {
		return further
	}
	look(t.folded, r.Path.folded(len(exact)))
	if hasSlashed && !r.Path.slashSensitive {
		look(t.folded, r.Path.folded(len(slashed)))
	}
	return further
}

// insert puts a rule at its place among those behind begin, unless it is there.
func insert(rules []*Rule, begin int, r *Rule) []*Rule {
	at, there := slices.BinarySearchFunc(rules[begin:], r.number, func(one *Rule, number int) int { return one.number - number })
	if there {
		return rules
	}
	return slices.Insert(rules, begin+at, r)
}
