package route

import (
	"slices"

	"github.com/jwtgate/jwtgate/internal/config"
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

	pattern     pattern
	hosts       []string
	requirement config.Requirement
}

// Table is the compiled routes of one config. It never changes and is safe for
// concurrent use.
type Table struct {
	rules    []*Rule
	fallback *Rule
}

// New compiles the routes of cfg. An error is [config.Mistakes]: everything
// wrong with the routes, at its place in the file.
func New(cfg *config.Config) (*Table, error) {
	t := &Table{fallback: &Rule{
		Name: DefaultName, Access: cfg.Default, TokensFrom: cfg.Tokens.From, Forward: cfg.Tokens.Forward,
	}}
	var mistakes config.Mistakes
	for _, r := range cfg.Routes {
		if r.Match == "" {
			continue // the config has said so already
		}
		p, err := parsePattern(r.Match)
		if err != nil {
			mistakes = append(mistakes, cfg.Mistake(r.Path+".match", "%v", err))
		}
		if r.Name == DefaultName {
			mistakes = append(mistakes, cfg.Mistake(r.Path+".name", "%q names what no route matches; choose another name", r.Name))
		}
		t.rules = append(t.rules, &Rule{
			Name: r.Name, Access: r.Access, AnonymousIfInvalid: r.AnonymousIfInvalid,
			TokensFrom: r.TokensFrom, Forward: r.Forward,
			pattern: p, hosts: r.Hosts, requirement: r.Requirement,
		})
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return t, nil
}

// Match returns the first rule that covers a request, or the default one. The
// method is compared case-sensitively (RFC 9110 section 9.1); host is in the
// form of [ParseHost].
func (t *Table) Match(method, host string, path Path) *Rule {
	for _, r := range t.rules {
		if r.pattern.matchMethod(method) && r.pattern.matchPath(path) && matchHost(r.hosts, host) {
			return r
		}
	}
	return t.fallback
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
