package route

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// maxSteps bounds the work of [Table.Warnings], in comparisons of a route with a
// route. It is what 10,000 routes need when each meets each other, and a few
// seconds (TestWarningsEnd); routes that do not meet cost next to nothing.
const maxSteps = 200_000_000

// Warnings returns what in the routes of cfg, of which the table was made, is no
// mistake and yet hardly meant: a route that can never match, a protected path
// that an earlier and weaker route opens, a HEAD that a weaker route names beside
// a protected GET, methods that no route names on a path whose other methods are
// protected, and a condition that negates what applications read differently. Each
// is at the place of what is to be changed, at most one of each sort a route, in
// the order of the routes.
//
// An earlier route that is plainly narrower than a protected one (its path lies
// inside the other's, or it names hosts where the other takes any) is an
// exception that was meant, and no warning. What no warning names is not thereby
// safe: the routes are compared with each other, not with the application.
func (t *Table) Warnings(cfg *config.Config) []config.Mistake { return t.warnings(cfg, maxSteps) }

func (t *Table) warnings(cfg *config.Config, steps int) []config.Mistake {
	w := &watch{table: t, cfg: cfg, left: steps}
	for i, r := range t.rules {
		if !r.byNameOnly {
			w.tree.insert(&r.pattern, i)
		}
	}
	for i, r := range t.rules {
		if r.byNameOnly {
			continue
		}
		meeting := w.tree.meeting(&r.pattern, &w.left)
		at, _ := slices.BinarySearch(meeting, i)
		if earlier := meeting[:at]; !w.unreachable(r, earlier) {
			w.uncovered(r, earlier)
			w.unnamed(r)
		}
		w.head(r)
		w.negated(r)
		if w.left < 0 {
			return append(w.found, cfg.Mistake(r.path, "the warnings end here: too many routes overlap to compare each with all others"))
		}
	}
	return w.found
}

// watch gathers warnings.
type watch struct {
	table *Table
	tree  tree
	cfg   *config.Config
	found []config.Mistake
	left  int // steps that may still be taken
}

// say adds a warning at a rule, unless the work was cut short and with it what
// the warning is made from.
func (w *watch) say(r *Rule, format string, args ...any) {
	if w.left < 0 {
		return
	}
	w.found = append(w.found, w.cfg.Mistake(r.path, format, args...))
}

// weight is how much a rule asks for.
type weight int

// The weights, the weakest first. Below weightToken a rule is open to all.
const (
	weightPublic weight = iota
	weightOptional
	weightToken
	weightRequirement
	weightDeny
)

// weigh returns the weight of a rule with this access and requirement.
func weigh(access config.Access, requirement *config.Requirement) weight {
	switch {
	case access == config.AccessPublic:
		return weightPublic
	case access == config.AccessOptional:
		return weightOptional
	case access == config.AccessDeny:
		return weightDeny
	case reflect.DeepEqual(*requirement, config.Requirement{}):
		return weightToken
	}
	return weightRequirement
}

// String says what a rule of this weight does.
func (w weight) String() string {
	return [...]string{"is public", "is optional", "asks for any valid token", "asks for more than a valid token", "is deny"}[w]
}

// unreachable warns of a rule whose every method is taken, on every one of its
// hosts, by one earlier rule that covers its path.
func (w *watch) unreachable(r *Rule, earlier []int) bool {
	var by *Rule
	for _, method := range orAny(r.pattern.methods) {
		for _, host := range orAny(r.hosts) {
			one := w.coveredBy(r, earlier, method, host)
			if one == nil {
				return false
			}
			if by == nil || one.weight < by.weight {
				by = one
			}
		}
	}
	and := ""
	if by.weight < r.weight {
		and = fmt.Sprintf(", and %q %s", by.Name, by.weight)
	}
	unless := ""
	if r.nameOfItsOwn {
		unless = ", unless Envoy chooses it by its name (jwtgate.route)"
	}
	w.say(r, "route %q can never match, since %q stands before it and takes all that it would%s; move it up, or take it out%s", r.Name, by.Name, and, unless)
	return true
}

// coveredBy returns the first of the earlier rules that takes all paths of r with
// a method and a host, "" for any.
func (w *watch) coveredBy(r *Rule, earlier []int, method, host string) *Rule {
	for _, i := range earlier {
		one := w.table.rules[i]
		if w.left -= 1 + len(one.hosts); w.left < 0 {
			return nil
		}
		if one.pattern.coversPath(&r.pattern) && coversHost(one.hosts, host) &&
			(len(one.pattern.methods) == 0 || slices.Contains(one.pattern.methods, method)) {
			return one
		}
	}
	return nil
}

// uncovered warns of a protected rule of which an earlier and weaker one takes a
// part that its author hardly meant to give away.
func (w *watch) uncovered(r *Rule, before []int) {
	if r.weight < weightToken {
		return
	}
	for _, i := range before {
		earlier := w.table.rules[i]
		if w.left -= 1 + len(earlier.hosts)*len(r.hosts); w.left < 0 {
			return
		}
		if earlier.weight >= r.weight || exception(earlier, r) {
			continue
		}
		method, sameMethod := commonMethod(earlier.pattern.methods, r.pattern.methods)
		host, sameHost := commonHost(earlier.hosts, r.hosts)
		if !sameMethod || !sameHost {
			continue
		}
		for _, path := range commonPaths(&earlier.pattern, &r.pattern) {
			if w.decides(method, host, path) == earlier {
				w.say(r, "route %q leaves a part of its paths to %q, which stands before it and %s: %s falls to that one; move %q up, or make the match of %q narrower",
					r.Name, earlier.Name, earlier.weight, example(method, host, path), r.Name, earlier.Name)
				return
			}
		}
	}
}

// exception reports whether an earlier, weaker rule is plainly meant to be one of
// a protected rule's: its path lies inside; or the paths are the same, and its
// methods and hosts are among the other's; or it names hosts where the other
// takes any; or it is for OPTIONS alone, which browsers ask without credentials.
func exception(earlier, r *Rule) bool {
	inside := r.pattern.coversPath(&earlier.pattern)
	same := inside && earlier.pattern.coversPath(&r.pattern)
	switch {
	case slices.Equal(earlier.pattern.methods, []string{"OPTIONS"}):
		return true
	case len(r.hosts) == 0 && len(earlier.hosts) > 0 && !slices.ContainsFunc(earlier.hosts, wildcard):
		return true
	case same:
		return coversMethods(r.pattern.methods, earlier.pattern.methods) && coversHosts(r.hosts, earlier.hosts)
	}
	return inside
}

// head warns of a GET that is protected while a weaker route names the HEAD of the
// same path: many frameworks answer HEAD by what they have for GET (RFC 9110
// section 9.3.2). Where no route names HEAD it is read as GET.
func (w *watch) head(r *Rule) {
	if !slices.Contains(r.pattern.methods, "GET") || slices.Contains(r.pattern.methods, "HEAD") || r.weight < weightToken {
		return
	}
	path, host := r.pattern.example(), exampleHost(r.hosts)
	other := w.decides("HEAD", host, path)
	if !slices.Contains(other.pattern.methods, "HEAD") || other.weight >= r.weight || w.decides("GET", host, path) != r {
		return
	}
	methods := strings.Join(r.pattern.methods, ",")
	w.say(r, "%s falls to %q, and %s to %q, which %s, and many frameworks answer HEAD as they answer GET; write %s",
		example("GET", host, path), r.Name, example("HEAD", host, path), other.Name, other.weight,
		strings.Replace(methods, "GET", "GET,HEAD", 1)+" "+r.pattern.text())
}

// unnamed warns of a path whose routes name what looks like all of its methods (GET
// and one that changes something, or three that do) and protect them, while any
// other method falls to less. Some handlers take every method, and treat one that
// they do not know as they treat POST.
func (w *watch) unnamed(r *Rule) {
	if len(r.pattern.methods) == 0 || r.weight < weightToken {
		return
	}
	path, host := r.pattern.example(), exampleHost(r.hosts)
	other := w.decides(anyMethod, host, path)
	if other.weight >= r.weight {
		return
	}
	var protected []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		one := w.decides(method, host, path)
		if one == other || one.weight < weightToken || one.weight <= other.weight {
			continue
		}
		if one.number < r.number {
			return // the warning stands at that route
		}
		protected = append(protected, method)
	}
	if reads := len(protected) > 0 && protected[0] == "GET"; len(protected) < 2 || !reads && len(protected) < 3 {
		return
	}
	w.say(r, "%s of %s are protected, and any other method falls to %q, which %s; add a route for %s without methods after them, such as one that is deny",
		strings.Join(protected, ", "), example(anyMethod, host, path), other.Name, other.weight, r.pattern.text())
}

// negated warns of a condition that says of the path or the method what it must not
// be: an application may read another spelling as the one that is ruled out.
func (w *watch) negated(r *Rule) {
	if r.when == nil || len(r.when.negates) == 0 || w.left < 0 {
		return
	}
	one := r.when.negates[0]
	w.found = append(w.found, w.cfg.MistakeWithin(r.path+".when", one.line, one.column,
		"negates %s, and an application may read another spelling as the one that is ruled out (letter case, a final slash, another method); say what is allowed, or use a route of its own",
		one.text))
}

// decides returns the rule that a request falls to.
func (w *watch) decides(method, host string, path *request.Path) *Rule {
	exact := pattern{segments: make([]segment, len(path.Segments()))}
	for i, one := range path.Segments() {
		exact.segments[i].literal = one
	}
	for _, i := range w.tree.meeting(&exact, &w.left) {
		if r := w.table.rules[i]; r.Covers(method, host, path) {
			return r
		}
	}
	return w.table.fallback
}

// example renders an example for people.
func example(method, host string, path *request.Path) string {
	if method == anyMethod {
		return host + path.String()
	}
	return method + " " + host + path.String()
}
