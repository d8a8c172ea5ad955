package policytest

import (
	"fmt"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Case is one request and what is expected of it. It is made by [Load] and not
// changed after.
type Case struct {
	Name string     // as the file says, or the method and the path
	Pos  config.Pos // where the case begins

	request requestSpec
	token   *token              // nil: the request carries none
	in      *config.TokenSource // where the token is put; nil: where the route looks first
	at      time.Duration       // from when the token is made to when the request is decided
	expect  expectation
}

// requestSpec is the request of a case, without its token.
type requestSpec struct {
	method, path, host string
	headers            []request.Header
	route              string // as Envoy would name it; empty: it names none
}

// token is a credential to be made for a request.
type token struct {
	name       string // under tokens; empty: written out in its case
	raw        string // what is sent instead of a token; empty: one is minted
	issuer     string // its name in the config
	claims     map[string]any
	header     map[string]any // nil as a value leaves the member out
	expires    time.Duration
	expiresSet bool // expires was stated
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

// file is a whole case file.
type file struct{ cases []Case }

// file reads the whole file.
func (r *reader) file(p yamlform.Place) []Case {
	var f file
	yamlform.Object[file]{
		Fields: []yamlform.FieldOf[file]{
			key("tokens", func(at yamlform.Place, _ *file) { r.sharedTokens(at) }),
			required("cases", "cases: and a list of them", func(at yamlform.Place, f *file) { f.cases = r.cases(at) }),
		},
	}.Read(r.Decoder, p, &f)
	return f.cases
}

func (r *reader) cases(p yamlform.Place) []Case {
	const expected = "a list of cases, each such as {request: GET /api/health, expect: {verdict: allow}}"
	items, ok := r.Items(p, expected)
	if ok && len(items) == 0 {
		r.Report(p, "is an empty list; write %s", expected)
	}
	var cases []Case
	table := r.caseTable(map[string]config.Pos{})
	for _, at := range items {
		c, before := Case{Pos: r.Pos(at)}, r.MistakeCount()
		if table.Read(r.Decoder, at, &c) && r.MistakeCount() == before {
			cases = append(cases, c)
		}
	}
	return cases
}

// caseTable is the keys of a case. names maps the names that the cases before it
// were given to their places.
func (r *reader) caseTable(names map[string]config.Pos) yamlform.Object[Case] {
	const shift = "how long after now, such as +2h, or before, such as -5m"
	return yamlform.Object[Case]{
		Expected: "a case such as {request: GET /api/health, expect: {verdict: allow}}",
		Fields: []yamlform.FieldOf[Case]{
			key("name", func(at yamlform.Place, c *Case) { c.Name = r.caseName(at, names) }),
			required("request", "request: GET /path", func(at yamlform.Place, c *Case) { c.request = r.request(at) }),
			key("token", func(at yamlform.Place, c *Case) { c.token = r.caseToken(at) }),
			key("in", func(at yamlform.Place, c *Case) { c.in = r.source(at, c.token) }),
			key("at", func(at yamlform.Place, c *Case) { c.at, _ = r.duration(at, shift) }),
			required("expect", "expect: and at least a verdict or a reason", func(at yamlform.Place, c *Case) { c.expect = r.expectation(at) }),
		},
		Check: func(_ *yamlform.Decoder, _ yamlform.Place, c *Case) {
			if c.Name == "" {
				c.Name = oneLine(c.request.method + " " + c.request.path)
			}
		},
	}
}

func (r *reader) caseName(p yamlform.Place, names map[string]config.Pos) string {
	const limit = 200
	name, ok := r.printable(p, "a name such as an admin may list")
	if !ok {
		return ""
	}
	if len(name) > limit {
		r.Report(p, "is longer than %d bytes; write a shorter name", limit)
	}
	if first, taken := names[name]; taken {
		r.Report(p, "is %s, the name of the case at %d:%d; write a name of its own", yamlform.Quote(name), first.Line, first.Column)
	} else {
		names[name] = r.Pos(p)
	}
	return name
}

// expectation reads what a decision is held to.
func (r *reader) expectation(p yamlform.Place) expectation {
	var e expectation
	verdicts := []string{string(gate.VerdictAllow), string(gate.VerdictDeny), string(gate.VerdictAnswer)}
	yamlform.Object[expectation]{
		Expected: "what is expected, such as {verdict: allow, headers: {x-user-id: alice}}",
		Fields: []yamlform.FieldOf[expectation]{
			key("verdict", func(at yamlform.Place, e *expectation) {
				word, _ := r.enum(at, "a verdict", verdicts)
				e.verdict = gate.Verdict(word)
			}),
			key("reason", func(at yamlform.Place, e *expectation) { e.reason = r.reason(at) }),
			key("route", func(at yamlform.Place, e *expectation) { e.route, _ = r.enum(at, "a route", r.routes()) }),
			key("further", func(at yamlform.Place, e *expectation) { e.further = r.further(at) }),
			key("status", func(at yamlform.Place, e *expectation) { e.status = r.status(at) }),
			key("headers", func(at yamlform.Place, e *expectation) { e.headers = r.headerWants(at) }),
			key("removed", func(at yamlform.Place, e *expectation) { e.removed = r.removed(at) }),
		},
		Check: func(_ *yamlform.Decoder, at yamlform.Place, e *expectation) {
			if !r.IsSet(at.Child("verdict")) && !r.IsSet(at.Child("reason")) {
				r.Report(at, "expects neither a verdict nor a reason; write verdict: allow or verdict: deny")
			}
			r.checkConsistency(at, *e)
		},
	}.Read(r.Decoder, p, &e)
	return e
}

// agree refuses what can never be: a reason has one verdict and one status.
func (r *reader) checkConsistency(p yamlform.Place, e expectation) {
	for _, m := range r.meanings {
		switch {
		case m.Reason != e.reason:
		case e.verdict != "" && e.verdict != m.Verdict:
			r.Report(p, "expects verdict %s and reason %s, which is always %s; keep the one that you mean", e.verdict, e.reason, m.Verdict)
		case e.status != 0 && e.status != m.Status:
			r.Report(p, "expects status %d and reason %s, whose status is always %d; keep the one that you mean", e.status, e.reason, m.Status)
		}
	}
	if e.verdict != "" && e.verdict != gate.VerdictDeny && e.status != 0 && e.status != 200 {
		r.Report(p, "expects verdict %s and status %d; a request that is not denied has 200 here, whatever the application answers", e.verdict,
			e.status)
	}
}

// reasons lists the reasons that a case can bring about.
func (r *reader) reasons() []string {
	var names []string
	for _, m := range r.meanings {
		if reachable(m) {
			names = append(names, string(m.Reason))
		}
	}
	return names
}

// reason reads a reason of the closed list.
func (r *reader) reason(p yamlform.Place) gate.Reason {
	for _, m := range r.meanings {
		if text := string(m.Reason); p.HasText(text) && !reachable(m) {
			r.Report(p, "is %s, an outage or a failure of the gate, which no case can bring about; write another reason", yamlform.Quote(text))
			return ""
		}
	}
	word, _ := r.enum(p, "a reason", r.reasons())
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
func (r *reader) further(p yamlform.Place) []string {
	names := []string{}
	items, _ := r.Items(p, "a list of routes such as [admin], or [] for none")
	for _, at := range items {
		if name, ok := r.enum(at, "a route", r.routes()); ok {
			names = append(names, name)
		}
	}
	return names
}

func (r *reader) status(p yamlform.Place) int {
	const expected = "an HTTP status such as 403"
	text, ok := r.text(p, expected)
	if !ok {
		return 0
	}
	var status int
	if _, err := fmt.Sscanf(text, "%d", &status); err != nil || fmt.Sprint(status) != text || status < 100 || status > 599 {
		r.Report(p, "is %s; write %s", yamlform.Quote(text), expected)
		return 0
	}
	return status
}
