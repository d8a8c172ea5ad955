package routelint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

// maxSteps bounds the work of [Warnings], in comparisons of one route with another. It is
// enough for 10,000 routes that all overlap, and takes a few seconds (TestWarningsEnd).
// Routes that do not overlap take almost no time.
const maxSteps = 200_000_000

// Warnings returns what in the routes of cfg is probably not intended: a route that can
// never match, a protected path that an earlier and weaker route opens, a HEAD that a
// weaker route names when GET is protected, methods that no route names on a path whose
// other methods are protected, and a condition that excludes some spellings of a path or
// method. table is compiled from cfg. There is at most one warning of each kind for a
// route, in the order of the routes.
//
// An earlier route that is clearly narrower than a protected one, because its path lies
// inside the other's or because it names hosts and the other does not, is an intended
// exception.
func Warnings(cfg *config.Config, table *route.Table) []config.Mistake {
	return warnings(cfg, table, maxSteps)
}

func warnings(cfg *config.Config, table *route.Table, steps int) []config.Mistake {
	a := newAnalysis(cfg, table, steps)
	for i, r := range a.rules {
		if r.Pattern == nil {
			continue
		}
		overlapping := a.tree.Overlapping(r.Pattern, &a.steps)
		at, _ := slices.BinarySearch(overlapping, i)
		if earlier := overlapping[:at]; !a.unreachable(r, earlier) {
			a.uncovered(r, earlier)
			a.unnamedMethods(r)
		}
		a.head(r)
		a.negation(r)
		if a.steps < 0 {
			return append(a.found, cfg.Mistake(r.path, "the list of warnings is incomplete: too many routes overlap to compare all of them"))
		}
	}
	return a.found
}

// rule is a rule of the table and what the configuration says of its route.
type rule struct {
	*route.Rule
	*route.Pattern // nil: it can only be named
	hosts          []string
	path           string // in the configuration
	ownName        bool   // its name is not only its match
	strength       strength
}

// newRule returns the rule of a route. The default rule has no route.
func newRule(r *route.Rule, at *config.Route) *rule {
	return &rule{
		Rule: r, Pattern: r.Pattern(), hosts: at.Hosts, path: at.Path, ownName: at.Name != at.Match,
		strength: strengthOf(r.Access, r.Requirement()),
	}
}

// methods returns the methods that the rule names.
func (r *rule) methods() []string {
	if r.Pattern == nil {
		return nil
	}
	return r.Methods
}

// analysis is the state of one list of warnings.
type analysis struct {
	rules    []*rule
	fallback *rule
	tree     route.Tree // of the rules with a pattern
	cfg      *config.Config
	found    []config.Mistake
	steps    int // that remain; below 0 the work has been cut short
}

func newAnalysis(cfg *config.Config, table *route.Table, steps int) *analysis {
	a := &analysis{cfg: cfg, steps: steps}
	for i, compiled := range table.Rules() {
		r := newRule(compiled, &cfg.Routes[compiled.Number()])
		a.rules = append(a.rules, r)
		if r.Pattern != nil {
			a.tree.Insert(r.Pattern, i)
		}
	}
	fallback, _ := table.Named(route.DefaultName)
	a.fallback = newRule(fallback, new(config.Route))
	return a
}

// warn adds a warning at a rule, unless the work that it is based on was cut short.
func (a *analysis) warn(r *rule, format string, args ...any) {
	if a.steps >= 0 {
		a.found = append(a.found, a.cfg.Mistake(r.path, format, args...))
	}
}

// unreachable warns of a rule whose every method is matched, on each of its hosts, by an
// earlier rule that covers its path.
func (a *analysis) unreachable(r *rule, earlier []int) bool {
	var by *rule
	for _, method := range orAny(r.Methods) {
		for _, host := range orAny(r.hosts) {
			one := a.coveredBy(r, earlier, method, host)
			if one == nil {
				return false
			}
			if by == nil || one.strength < by.strength {
				by = one
			}
		}
	}
	and := ""
	if by.strength < r.strength {
		and = fmt.Sprintf(", and %q %s", by.Name, by.strength)
	}
	unless := ""
	if r.ownName {
		unless = ", unless Envoy selects it by name (jwtgate.route)"
	}
	a.warn(r, "route %q can never match: the earlier route %q matches all of its requests%s; move it up, or remove it%s",
		r.Name, by.Name, and, unless)
	return true
}

// coveredBy returns the first of the earlier rules that matches all paths of r with a
// method and a host, which are "" for any.
func (a *analysis) coveredBy(r *rule, earlier []int, method, host string) *rule {
	for _, i := range earlier {
		one := a.rules[i]
		if a.steps -= 1 + len(one.hosts); a.steps < 0 {
			return nil
		}
		if coversPath(one.Pattern, r.Pattern) && coversHost(one.hosts, host) &&
			(len(one.Methods) == 0 || slices.Contains(one.Methods, method)) {
			return one
		}
	}
	return nil
}

// uncovered warns of a protected rule if an earlier and weaker rule matches a part of its
// requests by accident.
func (a *analysis) uncovered(r *rule, before []int) {
	if !r.strength.protects() {
		return
	}
	for _, i := range before {
		earlier := a.rules[i]
		if a.steps -= 1 + len(earlier.hosts)*len(r.hosts); a.steps < 0 {
			return
		}
		if earlier.strength >= r.strength || exception(earlier, r) {
			continue
		}
		method, sameMethod := commonMethod(earlier.Methods, r.Methods)
		host, sameHost := commonHost(earlier.hosts, r.hosts)
		if !sameMethod || !sameHost {
			continue
		}
		for _, path := range commonPaths(earlier.Pattern, r.Pattern) {
			if a.decides(method, host, path) == earlier {
				a.warn(r, "route %q loses some of its requests, such as %s, to the earlier route %q, which %s; "+
					"move %[1]q up, or make the match of %[3]q narrower", r.Name, example(method, host, path), earlier.Name, earlier.strength)
				return
			}
		}
	}
}

// exception reports whether an earlier and weaker rule is clearly an intended exception
// from a protected rule: its path lies inside; or the paths are the same, and its methods
// and hosts are among the other's; or it names hosts and the other does not; or it matches
// only OPTIONS, which browsers send without credentials.
func exception(earlier, r *rule) bool {
	inside := coversPath(r.Pattern, earlier.Pattern)
	same := inside && coversPath(earlier.Pattern, r.Pattern)
	switch {
	case slices.Equal(earlier.Methods, []string{"OPTIONS"}):
		return true
	case len(r.hosts) == 0 && len(earlier.hosts) > 0 && !slices.ContainsFunc(earlier.hosts, wildcard):
		return true
	case same:
		return coversMethods(r.Methods, earlier.Methods) && coversHosts(r.hosts, earlier.hosts)
	}
	return inside
}

// head warns of a protected GET if a weaker route names HEAD on the same path: many
// frameworks answer HEAD with their handler of GET (RFC 9110 section 9.3.2). If no route
// names HEAD, the gate reads it as GET.
func (a *analysis) head(r *rule) {
	if !slices.Contains(r.Methods, "GET") || slices.Contains(r.Methods, "HEAD") || !r.strength.protects() {
		return
	}
	path, host := examplePath(r.Pattern), exampleHost(r.hosts)
	other := a.decides("HEAD", host, path)
	if !slices.Contains(other.methods(), "HEAD") || other.strength >= r.strength || a.decides("GET", host, path) != r {
		return
	}
	methods := strings.Replace(strings.Join(r.Methods, ","), "GET", "GET,HEAD", 1)
	a.warn(r, "%s matches %q, and %s matches %q, which %s; many frameworks answer HEAD with the handler of GET; write %s %s",
		example("GET", host, path), r.Name, example("HEAD", host, path), other.Name, other.strength, methods, r.Path())
}

// unnamedMethods warns of a path whose routes name what looks like all of its methods (GET
// and another one, or three that change something) and protect them, if other methods are
// protected less. Some handlers accept every method, and treat an unknown one as POST.
func (a *analysis) unnamedMethods(r *rule) {
	if len(r.Methods) == 0 || !r.strength.protects() {
		return
	}
	path, host := examplePath(r.Pattern), exampleHost(r.hosts)
	other := a.decides(anyMethod, host, path)
	if other.strength >= r.strength {
		return
	}
	var protected []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		one := a.decides(method, host, path)
		if one == other || !one.strength.protects() || one.strength <= other.strength {
			continue
		}
		if one.Number() < r.Number() {
			return // the warning is at that route
		}
		protected = append(protected, method)
	}
	if reads := len(protected) > 0 && protected[0] == "GET"; len(protected) < 2 || !reads && len(protected) < 3 {
		return
	}
	a.warn(r, "%s of %s are protected, and any other method matches %q, which %s; "+
		"add a later route for %s without methods, for example with access: deny",
		strings.Join(protected, ", "), example(anyMethod, host, path), other.Name, other.strength, r.Path())
}

// negation warns of a condition that excludes a path or a method: an application may treat
// another spelling as the excluded one.
func (a *analysis) negation(r *rule) {
	if r.Condition() == nil || a.steps < 0 {
		return
	}
	if negations := r.Condition().Negations(); len(negations) > 0 {
		one := negations[0]
		a.found = append(a.found, a.cfg.MistakeWithin(r.path+".when", one.Line, one.Column,
			"negates %s; an application may treat another spelling (letter case, final slash, other method) as the excluded one; "+
				"write what is allowed, or use a separate route", one.Variable))
	}
}

// decides returns the rule that decides a request.
func (a *analysis) decides(method, host string, path *request.Path) *rule {
	exact := route.Pattern{Segments: make([]route.Segment, len(path.Segments()))}
	for i, segment := range path.Segments() {
		exact.Segments[i].Literal = segment
	}
	for _, i := range a.tree.Overlapping(&exact, &a.steps) {
		if r := a.rules[i]; r.Covers(method, host, path) {
			return r
		}
	}
	return a.fallback
}

// example returns a request for a message.
func example(method, host string, path *request.Path) string {
	if method == anyMethod {
		return host + path.String()
	}
	return method + " " + host + path.String()
}
