package route

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/request"
)

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
func (t *Table) Select(method string, r *request.Parsed, further []*Rule) (own *Rule, _ []*Rule) {
	own = t.Match(method, r.Host, &r.Path)
	begin := len(further)
	collect := func(as string) { further = t.readPaths(own, r, method, as, further, begin) }
	collect(method)
	for _, as := range r.Overrides {
		collect(as)
		if as == "HEAD" {
			collect("GET")
		}
	}
	if method == "HEAD" && !slices.Contains(own.pattern.methods, "HEAD") {
		collect("GET")
	}
	return own, further
}

// readPaths appends the further rules of a request with this method, under each reading
// of its path and with another method, to those after begin.
func (t *Table) readPaths(own *Rule, r *request.Parsed, method, as string, further []*Rule, begin int) []*Rule {
	exact := r.Path.Segments()
	slashed, hasSlashed := r.Path.OtherSlash()
	if r.Path.IgnoreCase() {
		exact, slashed = r.Path.Folded(len(exact)), r.Path.Folded(len(slashed))
	}
	look := func(in *index, segments []string) {
		number := in.first(t.rules, as, r.Host, segments, len(t.rules))
		if number == len(t.rules) {
			return // the default: it covers every request, and comes last
		}
		found := t.rules[number]
		if found == own || found.Covers(method, r.Host, &r.Path) {
			return
		}
		further = insert(further, begin, found)
	}
	sent := t.exact
	if r.Path.IgnoreCase() {
		sent = t.folded
	}
	if as != method {
		look(sent, exact)
	}
	if hasSlashed && !r.Path.SlashSensitive() {
		look(sent, slashed)
	}
	if r.Path.IgnoreCase() || r.Path.CaseSensitive() || t.exact == t.folded && r.Path.IsFolded() {
		return further
	}
	look(t.folded, r.Path.Folded(len(exact)))
	if hasSlashed && !r.Path.SlashSensitive() {
		look(t.folded, r.Path.Folded(len(slashed)))
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
