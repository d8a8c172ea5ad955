package route

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// DefaultName is the name of the rule that requests fall under which no route
// matches.
const DefaultName = "default"

// Rule is what a request that matched is held to. It never changes and is safe
// for concurrent use.
type Rule struct {
	Name   string
	Access config.Access
	// AnonymousIfInvalid lets a request whose token fails go on without
	// identity; only with optional access.
	AnonymousIfInvalid bool
	// TokensFrom are the places that a credential is read from; unless Forward,
	// it is removed there before the request goes on.
	TokensFrom []config.TokenSource
	Forward    bool
	// EndStreamsAtExpiry: what is streamed to a client ends with its token.
	EndStreamsAtExpiry bool
	// Audit says which decisions under this rule are recorded.
	Audit config.Sampling
	// Shadow: would-be denials are recorded, not enforced.
	Shadow bool

	number       int    // among the rules of its table
	path         string // in the config, for messages
	pattern      pattern
	byNameOnly   bool // there is no pattern
	nameOfItsOwn bool // its name is not only the text of its match
	hosts        []string
	requirement  config.Requirement
	when         *condition // nil: none
	weight       weight
}

// Table is the compiled routes of one config. It never changes and is safe for
// concurrent use.
type Table struct {
	rules    []*Rule
	fallback *Rule
	named    map[string]*Rule
	// exact finds rules by paths as they are, folded by paths of which each segment
	// is folded. Where no rule tells letter cases apart the two are one.
	exact, folded *index
}

// New compiles the routes of cfg. An error is [config.Mistakes]: everything
// wrong with the routes, at its place in the file.
func New(cfg *config.Config) (*Table, error) {
	t := &Table{fallback: &Rule{
		number: len(cfg.Routes), Name: DefaultName, Access: cfg.Default, TokensFrom: cfg.Tokens.From, Forward: cfg.Tokens.Forward,
		Audit: cfg.Audit.Sampling, Shadow: cfg.Shadow, byNameOnly: true, path: "default", weight: weigh(cfg.Default, &config.Requirement{}),
	}}
	t.named = map[string]*Rule{DefaultName: t.fallback}
	var mistakes config.Mistakes
	var conditions compiler
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if r.Match == "" && r.Name == "" {
			continue // the config has said so already
		}
		rule, wrong := newRule(cfg, r, &conditions)
		rule.number = i
		mistakes = append(mistakes, wrong...)
		t.rules = append(t.rules, rule)
		if _, taken := t.named[r.Name]; !taken {
			t.named[r.Name] = rule
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	t.exact = newIndex(t.rules, nil)
	t.folded = t.exact
	if slices.ContainsFunc(t.rules, func(r *Rule) bool { return r.pattern.hasCapitals() }) {
		t.folded = newIndex(t.rules, request.Fold)
	}
	return t, nil
}

// Number tells the rule apart from all others of its table.
func (r *Rule) Number() int { return r.number }

// newRule compiles one route.
func newRule(cfg *config.Config, r *config.Route, conditions *compiler) (*Rule, config.Mistakes) {
	rule := &Rule{
		Name: r.Name, Access: r.Access, AnonymousIfInvalid: r.AnonymousIfInvalid,
		TokensFrom: r.TokensFrom, Forward: r.Forward,
		EndStreamsAtExpiry: r.EndStreamsAtExpiry, Audit: r.Audit, Shadow: r.Shadow,
		path: r.Path, byNameOnly: r.Match == "", nameOfItsOwn: r.Name != r.Match, hosts: r.Hosts, requirement: r.Requirement,
		weight: weigh(r.Access, &r.Requirement),
	}
	var mistakes config.Mistakes
	var unreadable error
	if !rule.byNameOnly {
		if rule.pattern, unreadable = parsePattern(r.Match); unreadable != nil {
			mistakes = append(mistakes, cfg.Mistake(r.Path+".match", "%v", unreadable))
		}
	}
	if r.Name == DefaultName {
		mistakes = append(mistakes, cfg.Mistake(r.Path+".name", "%q names what no route matches; choose another name", r.Name))
	}
	if r.Requirement.When == "" || unreadable != nil { // without the pattern its variables are not known
		return rule, mistakes
	}
	compiled, faults := conditions.compile(r.Requirement.When, &rule.pattern)
	for _, one := range faults {
		mistakes = append(mistakes, cfg.MistakeWithin(r.Path+".when", one.line, one.column, "%s", one.text))
	}
	rule.when = compiled
	return rule, mistakes
}

// Match returns the first rule that covers a request, or the default one. The
// method is compared case-sensitively (RFC 9110 section 9.1); host is in the
// form of [ParseHost]. A route without a match is never found.
//
// What it costs grows with the path's length, not with the number of routes.
func (t *Table) Match(method, host string, path *request.Path) *Rule {
	in, segments := t.exact, path.Segments()
	if path.IgnoreCase() {
		in, segments = t.folded, path.Folded(len(segments))
	}
	if number := in.first(t.rules, method, host, segments, len(t.rules)); number < len(t.rules) {
		return t.rules[number]
	}
	return t.fallback
}

// Named returns the rule of that name, the default one included: Envoy may
// choose a rule by its name (CheckRequest's context_extensions). Whether the
// rule covers the request is for [Rule.Covers] to say.
func (t *Table) Named(name string) (*Rule, bool) {
	r, ok := t.named[name]
	return r, ok
}

// Covers reports whether the rule takes a request that was sent to it by name:
// its methods, hosts and path have to fit all the same. A rule without a match
// holds it to its hosts only. Arguments are those of [Table.Match].
func (r *Rule) Covers(method, host string, path *request.Path) bool {
	return r.pattern.matchMethod(method) && r.CoversPreflight(host, path)
}

// CoversPreflight is [Rule.Covers] for a CORS preflight, whose own method is
// none of the rule's: it is held to hosts and path only.
func (r *Rule) CoversPreflight(host string, path *request.Path) bool {
	return (r.byNameOnly || r.pattern.matchPath(path)) && matchHost(r.hosts, host)
}

// Names returns the name of every rule, the default one included.
func (t *Table) Names() []string {
	names := make([]string, 0, len(t.rules)+1)
	for _, r := range t.rules {
		names = append(names, r.Name)
	}
	return append(names, t.fallback.Name)
}

// matchHost reports whether host is one of hosts; no hosts take any.
func matchHost(hosts []string, host string) bool {
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(pattern string) bool { return config.MatchHost(pattern, host) })
}
