package route

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/condition"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// DefaultName is the name of the rule for requests that no route matches.
const DefaultName = "default"

// Rule is what a request that matched its route must meet. It never changes and is safe
// for concurrent use.
type Rule struct {
	Name   string
	Access config.Access
	// AnonymousIfInvalid allows a request with an invalid token, without identity. It is
	// only set with optional access.
	AnonymousIfInvalid bool
	// TokensFrom are the places where credentials are read. Unless Forward is set, the
	// credential is removed from them before Envoy forwards the request.
	TokensFrom []config.TokenSource
	Forward    bool
	// EndStreamsAtExpiry ends a response stream when the token expires.
	EndStreamsAtExpiry bool
	// Audit says which decisions of this rule are recorded.
	Audit config.Sampling
	// Shadow records denials and does not enforce them.
	Shadow bool

	number      int    // in its table
	path        string // in the configuration, for mistakes
	pattern     Pattern
	byNameOnly  bool // it has no match
	hosts       []string
	requirement config.Requirement
	when        *condition.Condition // nil: none
}

// Table is the compiled routes of one configuration. It never changes and is safe for
// concurrent use.
type Table struct {
	rules    []*Rule
	fallback *Rule // for requests that no route matches
	named    map[string]*Rule
	// exact indexes rules by their paths, folded by their paths in folded letter case.
	// They are the same index if no rule has a capital letter.
	exact, folded *index
}

// New compiles the routes of cfg. The error is [config.Mistakes]: everything wrong with
// the routes, each at its place in the file.
func New(cfg *config.Config) (*Table, error) {
	t := &Table{fallback: &Rule{
		number: len(cfg.Routes), Name: DefaultName, Access: cfg.Default, TokensFrom: cfg.Tokens.From, Forward: cfg.Tokens.Forward,
		Audit: cfg.Audit.Sampling, Shadow: cfg.Shadow, byNameOnly: true, path: "default",
	}}
	t.named = map[string]*Rule{DefaultName: t.fallback}
	var mistakes config.Mistakes
	var conditions condition.Compiler
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if r.Match == "" && r.Name == "" {
			continue // the configuration has reported it
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
	t.exact = newIndex(t.rules, false)
	t.folded = t.exact
	if slices.ContainsFunc(t.rules, func(r *Rule) bool { return r.pattern.hasCapitals() }) {
		t.folded = newIndex(t.rules, true)
	}
	return t, nil
}

// newRule compiles one route.
func newRule(cfg *config.Config, r *config.Route, conditions *condition.Compiler) (*Rule, config.Mistakes) {
	rule := &Rule{
		Name: r.Name, Access: r.Access, AnonymousIfInvalid: r.AnonymousIfInvalid,
		TokensFrom: r.TokensFrom, Forward: r.Forward,
		EndStreamsAtExpiry: r.EndStreamsAtExpiry, Audit: r.Audit, Shadow: r.Shadow,
		path: r.Path, byNameOnly: r.Match == "", hosts: r.Hosts, requirement: r.Requirement,
	}
	var mistakes config.Mistakes
	var invalid error
	if !rule.byNameOnly {
		if rule.pattern, invalid = parsePattern(r.Match); invalid != nil {
			mistakes = append(mistakes, cfg.Mistake(r.Path+".match", "%v", invalid))
		}
	}
	if r.Name == DefaultName {
		mistakes = append(mistakes, cfg.Mistake(r.Path+".name", "%q is the name of the default rule; choose another name", r.Name))
	}
	if r.Requirement.When == "" || invalid != nil { // without the pattern its variables are unknown
		return rule, mistakes
	}
	compiled, wrong := conditions.Compile(r.Requirement.When, rule.pattern.variables())
	for _, one := range wrong {
		mistakes = append(mistakes, cfg.MistakeWithin(r.Path+".when", one.Line, one.Column, "%s", one.Text))
	}
	rule.when = compiled
	return rule, mistakes
}

// Match returns the first rule that covers a request, or the default rule. It compares the
// method case-sensitively (RFC 9110 section 9.1); host is in the form of
// [request.ParseHost]. It never returns a rule that can only be named.
//
// Its cost grows with the length of the path, not with the number of routes.
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

// Named returns the rule of that name, which may be the default rule: Envoy may choose a
// rule by name (CheckRequest's context_extensions). It does not check that the rule covers
// the request; see [Rule.Covers].
func (t *Table) Named(name string) (*Rule, bool) {
	r, ok := t.named[name]
	return r, ok
}

// Rules returns all rules but the default rule, in the order of the file. The slice must
// not be changed.
func (t *Table) Rules() []*Rule { return t.rules }

// Names returns the name of every rule, the default rule last.
func (t *Table) Names() []string {
	names := make([]string, 0, len(t.rules)+1)
	for _, r := range t.rules {
		names = append(names, r.Name)
	}
	return append(names, t.fallback.Name)
}

// HeadersRead returns the names of the header fields that the conditions of all rules
// read, sorted, each once, and whether some condition may read any field
// ([condition.Condition.HeadersRead]). Envoy must send these fields to the gate. Fields
// that are read for other purposes, such as for credentials, are not among them.
func (t *Table) HeadersRead() (names []string, all bool) {
	for _, r := range t.rules {
		if r.when != nil {
			read, more := r.when.HeadersRead()
			names, all = append(names, read...), all || more
		}
	}
	slices.Sort(names)
	return slices.Compact(names), all
}

// Covers reports whether a request that Envoy sent to the rule by name has the rule's
// method, host and path. A rule without a match only requires the host. The arguments are
// those of [Table.Match].
func (r *Rule) Covers(method, host string, path *request.Path) bool {
	return r.pattern.matchMethod(method) && r.CoversPreflight(host, path)
}

// CoversPreflight is [Rule.Covers] for a CORS preflight. It ignores the method: OPTIONS is
// not the method that the browser will send.
func (r *Rule) CoversPreflight(host string, path *request.Path) bool {
	return (r.byNameOnly || r.pattern.matchPath(path)) && matchHost(r.hosts, host)
}

// matchHost reports whether a list of hosts matches a host; an empty list matches all.
func matchHost(hosts []string, host string) bool {
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(pattern string) bool { return config.MatchHost(pattern, host) })
}

// Number is the index of the rule's route in the configuration; for the default rule, the
// number of routes.
func (r *Rule) Number() int { return r.number }

// Pattern returns the rule's match, or nil if the rule can only be named. It must not be
// changed.
func (r *Rule) Pattern() *Pattern {
	if r.byNameOnly {
		return nil
	}
	return &r.pattern
}

// Requirement returns what the rule requires of a verified token. It must not be changed.
func (r *Rule) Requirement() *config.Requirement { return &r.requirement }

// Condition returns the rule's condition, or nil.
func (r *Rule) Condition() *condition.Condition { return r.when }

// BearerOnly reports whether the rule reads credentials only from the Authorization field,
// with the Bearer scheme.
func (r *Rule) BearerOnly() bool {
	return len(r.TokensFrom) == 1 && r.TokensFrom[0].Kind == config.SourceBearer
}
