package route

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/request"
)

// Select returns the rules that a request must meet: its own rule, which is the first that
// covers it as it was sent, and the further rules, which another reading of it selects. A
// reading is any combination of: letter case ignored in both the path and the rule; the
// final slash added or removed; HEAD as GET, unless the own rule names HEAD; an overriding
// method. The rule that a reading selects is a further rule if it precedes the own rule or
// does not cover the request as it was sent. A later rule that covers it too is only an
// ordinary overlap in the file.
//
// The further rules are appended to further, each once, in the order of the file, the
// default rule last. The cost of Select grows with the length of the path and the number
// of overrides, not with the number of routes.
func (t *Table) Select(method string, r *request.Parsed, further []*Rule) (own *Rule, _ []*Rule) {
	own = t.Match(method, r.Host, &r.Path)
	begin := len(further)
	readAs := func(as string) { further = t.readPaths(own, r, method, as, further, begin) }
	readAs(method)
	for _, override := range r.Overrides {
		readAs(override)
		if override == "HEAD" {
			readAs("GET")
		}
	}
	if method == "HEAD" && !slices.Contains(own.pattern.Methods, "HEAD") {
		readAs("GET")
	}
	return own, further
}

// readPaths adds the further rules that the readings of a request's path select if its
// method is read as another one. Those from begin on are the request's.
func (t *Table) readPaths(own *Rule, r *request.Parsed, method, as string, further []*Rule, begin int) []*Rule {
	exact := r.Path.Segments()
	slashed, hasSlashed := r.Path.OtherSlash()
	if r.Path.IgnoreCase() {
		exact, slashed = r.Path.Folded(len(exact)), r.Path.Folded(len(slashed))
	}
	read := func(in *index, segments []string) {
		number := in.first(t.rules, as, r.Host, segments, len(t.rules))
		if number == len(t.rules) {
			return // the default rule covers every request and is the last
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
		read(sent, exact)
	}
	if hasSlashed && !r.Path.SlashSensitive() {
		read(sent, slashed)
	}
	if r.Path.IgnoreCase() || r.Path.CaseSensitive() || t.exact == t.folded && r.Path.IsFolded() {
		return further
	}
	read(t.folded, r.Path.Folded(len(exact)))
	if hasSlashed && !r.Path.SlashSensitive() {
		read(t.folded, r.Path.Folded(len(slashed)))
	}
	return further
}

// insert adds a rule at its position among those from begin on, unless it is there.
func insert(rules []*Rule, begin int, r *Rule) []*Rule {
	at, found := slices.BinarySearchFunc(rules[begin:], r.number, func(one *Rule, number int) int { return one.number - number })
	if found {
		return rules
	}
	return slices.Insert(rules, begin+at, r)
}
