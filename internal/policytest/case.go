package policytest

import (
	"fmt"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// Case is one request and what is expected of it. It is made by [Load] and not
// changed after.
type Case struct {
	Name string     // as the file says, or the method and the path
	Pos  config.Pos // where the case begins

	request request
	token   *token              // nil: the request carries none
	in      *config.TokenSource // where the token is put; nil: where the route looks first
	at      time.Duration       // from when the token is made to when the request is decided
	expect  expectation
}

// request is what is sent beside the token.
type request struct {
	method, path, host string
	headers            []gate.Header
	route              string // as Envoy would name it; empty: it names none
}

// token is a credential to be made for a request.
type token struct {
	name    string // under tokens; empty: written out in its case
	raw     string // what is sent instead of a token; empty: one is minted
	issuer  string // its name in the config
	claims  map[string]any
	header  map[string]any // nil as a value leaves the member out
	expires time.Duration
	lasts   bool // expires was stated
}

// expectation is what a decision is held to. What is empty is not looked at.
type expectation struct {
	verdict gate.Verdict
	reason  gate.Reason
	route   string
	further []string // nil: not looked at
	status  int
	headers []headerWant
	removed []string // lower case
}

// headerWant is a header that the application gets, or does not get, from the
// gate.
type headerWant struct {
	name  string // lower case
	value string // empty: the gate must not set it
}

const (
	fileSays = "a mapping with cases: and a list of them"
	caseSays = "a case such as {request: GET /api/health, expect: {verdict: allow}}"
)

// root reads the whole file.
func (r *reader) root(p place) []Case {
	var cases []Case
	stated, ok := r.object(p, fileSays,
		field{"tokens", r.sharedTokens},
		field{"cases", func(at place) { cases = r.cases(at) }},
	)
	if ok && !slices.Contains(stated, "cases") {
		r.fault(p, "cases is missing; write cases: and a list of them")
	}
	return cases
}

func (r *reader) cases(p place) []Case {
	const says = "a list of cases, each such as {request: GET /api/health, expect: {verdict: allow}}"
	items, ok := r.items(p, says)
	if ok && len(items) == 0 {
		r.fault(p, "is an empty list; write %s", says)
	}
	var cases []Case
	names := map[string]config.Pos{} // :: a stated name -> where
	for _, at := range items {
		if c, ok := r.oneCase(at, names); ok {
			cases = append(cases, c)
		}
	}
	return cases
}

// oneCase reads one case. names are those that cases before it were given.
func (r *reader) oneCase(p place, names map[string]config.Pos) (Case, bool) {
	c := Case{Pos: r.at(p.node)}
	before := len(r.mistakes)
	stated, ok := r.object(p, caseSays,
		field{"name", func(at place) { c.Name = r.caseName(at, names) }},
		field{"request", func(at place) { c.request = r.request(at) }},
		field{"token", func(at place) { c.token = r.caseToken(at) }},
		field{"in", func(at place) { c.in = r.source(at, c.token) }},
		field{"at", func(at place) { c.at, _ = r.duration(at, "how long after now, such as +2h, or before, such as -5m") }},
		field{"expect", func(at place) { c.expect = r.expectation(at) }},
	)
	if !ok {
		return c, false
	}
	if !slices.Contains(stated, "request") {
		r.fault(p, "has no request; write request: GET /path")
	}
	if !slices.Contains(stated, "expect") {
		r.fault(p, "has no expect; write expect: and at least a verdict or a reason")
	}
	if c.Name == "" {
		c.Name = oneLine(c.request.method + " " + c.request.path)
	}
	return c, len(r.mistakes) == before
}

func (r *reader) caseName(p place, names map[string]config.Pos) string {
	const most = 200
	name, ok := r.printable(p, "a name such as an admin may list")
	if !ok {
		return ""
	}
	if len(name) > most {
		r.fault(p, "is longer than %d bytes; write a shorter name", most)
	}
	if first, taken := names[name]; taken {
		r.fault(p, "is %s, the name of the case at %d:%d; write a name of its own", shown(name), first.Line, first.Column)
	} else {
		names[name] = r.pos(p)
	}
	return name
}

// expectation reads what a decision is held to.
func (r *reader) expectation(p place) expectation {
	var e expectation
	const says = "what is expected, such as {verdict: allow, headers: {x-user-id: alice}}"
	stated, ok := r.object(p, says,
		field{"verdict", func(at place) {
			word, _ := r.oneOf(at, "a verdict", []string{string(gate.VerdictAllow), string(gate.VerdictDeny), string(gate.VerdictAnswer)})
			e.verdict = gate.Verdict(word)
		}},
		field{"reason", func(at place) { e.reason = r.reason(at) }},
		field{"route", func(at place) { e.route, _ = r.oneOf(at, "a route", r.routes()) }},
		field{"further", func(at place) { e.further = r.further(at) }},
		field{"status", func(at place) { e.status = r.status(at) }},
		field{"headers", func(at place) { e.headers = r.headerWants(at) }},
		field{"removed", func(at place) { e.removed = r.removed(at) }},
	)
	if ok && !slices.Contains(stated, "verdict") && !slices.Contains(stated, "reason") {
		r.fault(p, "expects neither a verdict nor a reason; write verdict: allow or verdict: deny")
	}
	if ok {
		r.agree(p, e)
	}
	return e
}

// agree refuses what can never be: a reason has one verdict and one status.
func (r *reader) agree(p place, e expectation) {
	for _, m := range r.meanings {
		switch {
		case m.Reason != e.reason:
		case e.verdict != "" && e.verdict != m.Verdict:
			r.fault(p, "expects verdict %s and reason %s, which is always %s; keep the one that you mean", e.verdict, e.reason, m.Verdict)
		case e.status != 0 && e.status != m.Status:
			r.fault(p, "expects status %d and reason %s, whose status is always %d; keep the one that you mean", e.status, e.reason, m.Status)
		}
	}
	if e.verdict != "" && e.verdict != gate.VerdictDeny && e.status != 0 && e.status != 200 {
		r.fault(p, "expects verdict %s and status %d; a request that is not denied has 200 here, whatever the application answers", e.verdict, e.status)
	}
}

// reasons lists the reasons that a case can bring about.
func (r *reader) reasons() []string {
	var names []string
	for _, m := range r.meanings {
		if attainable(m) {
			names = append(names, string(m.Reason))
		}
	}
	return names
}

// reason reads a reason of the closed list.
func (r *reader) reason(p place) gate.Reason {
	for _, m := range r.meanings {
		if p.node.Value == string(m.Reason) && !attainable(m) {
			r.fault(p, "is %s, an outage or a failure of the gate, which no case can bring about; write another reason", shown(p.node.Value))
			return ""
		}
	}
	word, _ := r.oneOf(p, "a reason", r.reasons())
	return gate.Reason(word)
}

// routes lists the names that a decision's route can have.
func (r *reader) routes() []string {
	var names []string
	for _, one := range r.cfg.Routes {
		names = append(names, one.Name)
	}
	return append(names, gate.RouteDefault, gate.RouteNone)
}

// further reads the names of the further rules that a request is to be held to, in
// any order; an empty list expects none.
func (r *reader) further(p place) []string {
	names := []string{}
	items, _ := r.items(p, "a list of routes such as [admin], or [] for none")
	for _, at := range items {
		if name, ok := r.oneOf(at, "a route", r.routes()); ok {
			names = append(names, name)
		}
	}
	return names
}

func (r *reader) status(p place) int {
	const says = "an HTTP status such as 403"
	text, ok := r.text(p, says)
	if !ok {
		return 0
	}
	var status int
	if _, err := fmt.Sscanf(text, "%d", &status); err != nil || fmt.Sprint(status) != text || status < 100 || status > 599 {
		r.fault(p, "is %s; write %s", shown(text), says)
		return 0
	}
	return status
}
