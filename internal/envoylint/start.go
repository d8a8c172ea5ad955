package envoylint

import (
	"cmp"
	"fmt"
	"regexp/syntax"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtgate/jwtgate/internal/re2size"
	"github.com/jwtgate/jwtgate/internal/terminal"
)

const regexType protoreflect.FullName = "envoy.type.matcher.v3.RegexMatcher"

const (
	regexLimitKey = "re2.max_program_size.error_level"
	// regexLimit is Envoy's limit for the size of RE2's program, without the runtime key.
	regexLimit = 100
	// regexBudget is the size of all programs together after which no more are computed: a
	// few bytes of a hostile file can describe a large one.
	regexBudget = 2_000_000
)

// start reports what prevents Envoy from starting with the file. A running Envoy has
// accepted its dump.
func (l *linter) start(managers []*manager) {
	if l.dump {
		return
	}
	l.regexes()
	l.duplicates(managers)
	for _, m := range managers {
		for _, c := range m.chains {
			l.lastFilter(c)
		}
	}
}

// lastFilter checks that the router is the last filter.
func (l *linter) lastFilter(c *chain) {
	for i, f := range c.filters {
		switch last := i == len(c.filters)-1; {
		case f.is(routerType) && !last:
			l.report("router-not-last", c.filters[i+1].entry, "%s comes after the router", c.filters[i+1].name)
		case last && (f.is(extAuthzType) || f.is(mutationType) || short(f.kind) == "Cors"):
			l.report("router-not-last", f.entry, "%s is the last filter, and there is no router after it", f.name)
		}
	}
}

// regexes checks the regular expressions of a bootstrap, whose runtime layers have the
// limit.
func (l *linter) regexes() {
	if !l.bootstrapRead || l.ownRegexEngine {
		return
	}
	limit, sure := float64(regexLimit), l.runtimeKnown
	if set := l.runtimeValue(regexLimitKey); set != nil {
		limit = set.number(regexLimit)
	}
	seen, spent := map[*value]bool{}, 0
	var large, near []sizedRegex
	check := func(v *value) bool {
		if seen[v] || spent > regexBudget || !v.isMessage(regexType) {
			return spent <= regexBudget
		}
		seen[v] = true
		at := v.get("regex")
		if _, err := syntax.Parse(at.text, syntax.Perl); err != nil && rejected(err) {
			l.reportFix("regex-rejected", at, "correct the expression", "RE2 rejects the regular expression: %v", err)
			return false
		}
		computed, ok := re2size.Of(at.text)
		spent += computed
		switch size := float64(computed); {
		case !ok || v.get("google_re2", "max_program_size").there():
		case sure && size > limit*(1+re2size.Margin):
			large = append(large, sizedRegex{at, computed})
		case size > limit*(1-re2size.Margin):
			near = append(near, sizedRegex{at, computed})
		}
		return false
	}
	for _, part := range l.parts {
		part.walk(check)
	}
	if one, more := largest(large); one.at != nil {
		l.report("regex-rejected", one.at, "the RE2 program of this regular expression has the size %d%s, and the limit is %.0f",
			one.size, more, limit)
	}
	if one, more := largest(near); one.at != nil {
		l.report("regex-near-limit", one.at, "the RE2 program of this regular expression has a size of about %d%s, and the limit is %.0f",
			one.size, more, limit)
	}
}

// sizedRegex is a regular expression and the size of its program.
type sizedRegex struct {
	at   *value
	size int
}

// largest returns the expression with the largest program, and a text that counts the
// others.
func largest(all []sizedRegex) (one sizedRegex, more string) {
	for _, regex := range all {
		if regex.size > one.size {
			one = regex
		}
	}
	if n := len(all) - 1; n > 0 {
		more = fmt.Sprintf(" (%s more)", terminal.Count(n, "expression"))
	}
	return one, more
}

// rejected reports whether RE2 rejects an expression for the same mistake as package
// syntax. RE2 knows a few classes and escapes that package syntax does not.
func rejected(err error) bool {
	wrong, ok := err.(*syntax.Error)
	if !ok {
		return false
	}
	switch wrong.Code {
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen, syntax.ErrMissingBracket, syntax.ErrMissingRepeatArgument,
		syntax.ErrInvalidRepeatOp, syntax.ErrInvalidRepeatSize, syntax.ErrTrailingBackslash, syntax.ErrInvalidCharRange:
		return true
	}
	return false
}

// duplicates reports names and addresses that Envoy accepts once only.
func (l *linter) duplicates(managers []*manager) {
	once := l.onlyOnce("two layers of the runtime have the name %s")
	for _, layer := range l.layers {
		once(layer.get("name"), layer.get("name").text)
	}
	once = l.onlyOnce("two listeners have the address %s")
	for _, listener := range l.listeners {
		socket := listener.get("address", "socket_address")
		port := socket.get("port_value").text
		if at := socket.get("port_value"); at.there() && port != "0" && !listener.get("bind_to_port").there() {
			protocol := cmp.Or(socket.get("protocol").text, "TCP")
			once(at, protocol+" "+socket.get("address").text+":"+port)
		}
	}
	for _, m := range managers {
		for _, config := range m.routes {
			once = l.onlyOnce("two virtual hosts of this connection manager have the domain %s")
			for _, host := range config.get("virtual_hosts").items {
				for _, domain := range host.get("domains").items {
					once(domain, strings.ToLower(domain.text))
				}
			}
		}
	}
}

// onlyOnce returns a function that reports a name the second time.
func (l *linter) onlyOnce(format string) func(at *value, name string) {
	seen := map[string]*value{}
	return func(at *value, name string) {
		if first, twice := seen[name]; twice && first != at && name != "" {
			l.report("duplicate", at, format, name)
		}
		seen[name] = at
	}
}
