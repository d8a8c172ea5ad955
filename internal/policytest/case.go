package policytest

import (
	"fmt"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Case is one request and the expected decision. [Load] returns cases; they do not
// change afterwards.
type Case struct {
	Name string     // by default the method and the path
	Pos  config.Pos // where the case begins

	request requestSpec
	token   *token              // nil: the request has none
	in      *config.TokenSource // where the token is put; nil: the route's first source
	at      time.Duration       // time from making the token to deciding the request
	expect  expectation
}

// requestSpec is the request of a case, without its token.
type requestSpec struct {
	method, path, host string
	headers            []request.Header
	route              string // the route that Envoy selects; may be empty
}

// token describes the credential of a request.
type token struct {
	name       string // under tokens; empty if the case contains the whole token
	raw        string // sent instead of a minted token; may be empty
	issuer     string // its name in the config
	claims     map[string]any
	header     map[string]any // a nil value omits the member
	expires    time.Duration
	expiresSet bool // the case sets expires
}

// expectation is the expected decision. Empty fields are not compared.
type expectation struct {
	verdict gate.Verdict
	reason  gate.Reason
	route   string
	further []string // nil: not compared
	status  int
	headers []headerWant
	removed []string // lower case
}

// headerWant is the expected value of a header that the gate sets.
type headerWant struct {
	name  string // lower case
	value string // empty: the gate must not set it
}

// file reads a whole case file.
func (r *reader) file(p yamlform.Place) (cases []Case) {
	yamlform.Object{
		Rows: []yamlform.Row{
			key("tokens", func(at yamlform.Place) { r.sharedTokens(at) }),
			required("cases", "cases: and a list of them", func(at yamlform.Place) { cases = r.cases(at) }),
		},
	}.Read(r.Decoder, p)
	return cases
}

func (r *reader) cases(p yamlform.Place) []Case {
	const expected = "a list of cases, each such as {request: GET /api/health, expect: {verdict: allow}}"
	items, ok := r.Items(p, expected)
	if ok && len(items) == 0 {
		r.Report(p, "is an empty list; expected %s", expected)
	}
	var cases []Case
	names := map[string]config.Pos{}
	for _, at := range items {
		c, before := Case{Pos: r.Pos(at)}, r.MistakeCount()
		if r.caseTable(&c, names).Read(r.Decoder, at) && r.MistakeCount() == before {
			cases = append(cases, c)
		}
	}
	return cases
}

// caseTable returns the keys of a case, which are read into c. Names maps the names of
// earlier cases to their positions.
func (r *reader) caseTable(c *Case, names map[string]config.Pos) yamlform.Object {
	const offset = "a duration after now, such as +2h, or before now, such as -5m"
	return yamlform.Object{
		Expected: "a case such as {request: GET /api/health, expect: {verdict: allow}}",
		Rows: []yamlform.Row{
			key("name", func(at yamlform.Place) { c.Name = r.caseName(at, names) }),
			required("request", "request: GET /path", func(at yamlform.Place) { c.request = r.request(at) }),
			key("token", func(at yamlform.Place) { c.token = r.caseToken(at) }),
			key("in", func(at yamlform.Place) { c.in = r.source(at, c.token) }),
			key("at", func(at yamlform.Place) { c.at, _ = r.duration(at, offset) }),
			required("expect", "expect: with at least a verdict or a reason", func(at yamlform.Place) { c.expect = r.expectation(at) }),
		},
		Check: func(_ *yamlform.Decoder, _ yamlform.Place) {
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
		r.Report(p, "is longer than %d bytes; expected a shorter name", limit)
	}
	if first, taken := names[name]; taken {
		r.Report(p, "is the name of the case at %d:%d too: got %s; expected a different name", first.Line, first.Column, yamlform.Quote(name))
	} else {
		names[name] = r.Pos(p)
	}
	return name
}

// expectation reads the expected decision.
func (r *reader) expectation(p yamlform.Place) expectation {
	var e expectation
	verdicts := []string{string(gate.VerdictAllow), string(gate.VerdictDeny), string(gate.VerdictAnswer)}
	yamlform.Object{
		Expected: "an expected decision such as {verdict: allow, headers: {x-user-id: alice}}",
		Rows: []yamlform.Row{
			key("verdict", func(at yamlform.Place) {
				word, _ := r.enum(at, "a verdict", verdicts)
				e.verdict = gate.Verdict(word)
			}),
			key("reason", func(at yamlform.Place) { e.reason = r.reason(at) }),
			key("route", func(at yamlform.Place) { e.route, _ = r.enum(at, "a route", r.routes()) }),
			key("further", func(at yamlform.Place) { e.further = r.further(at) }),
			key("status", func(at yamlform.Place) { e.status = r.status(at) }),
			key("headers", func(at yamlform.Place) { e.headers = r.headerWants(at) }),
			key("removed", func(at yamlform.Place) { e.removed = r.removed(at) }),
		},
		Check: func(_ *yamlform.Decoder, at yamlform.Place) {
			if !r.IsSet(at.Child("verdict")) && !r.IsSet(at.Child("reason")) {
				r.Report(at, "has neither verdict nor reason; write verdict: allow or verdict: deny")
			}
			r.checkConsistency(at, e)
		},
	}.Read(r.Decoder, p)
	return e
}

// checkConsistency reports an expectation that no decision can meet, because each reason
// has one verdict and one status.
func (r *reader) checkConsistency(p yamlform.Place, e expectation) {
	for _, m := range r.meanings {
		switch {
		case m.Reason != e.reason:
		case e.verdict != "" && e.verdict != m.Verdict:
			r.Report(p, "expects verdict %s and reason %s, whose verdict is always %s; remove one of them", e.verdict, e.reason, m.Verdict)
		case e.status != 0 && e.status != m.Status:
			r.Report(p, "expects status %d and reason %s, whose status is always %d; remove one of them", e.status, e.reason, m.Status)
		}
	}
	if e.verdict != "" && e.verdict != gate.VerdictDeny && e.status != 0 && e.status != 200 {
		r.Report(p, "expects verdict %s and status %d, but the status of a request that is not denied is always 200; remove status", e.verdict,
			e.status)
	}
}

// reasons returns the reasons that a case can expect.
func (r *reader) reasons() []string {
	var names []string
	for _, m := range r.meanings {
		if m.Repeatable() {
			names = append(names, string(m.Reason))
		}
	}
	return names
}

// reason reads a reason.
func (r *reader) reason(p yamlform.Place) gate.Reason {
	for _, m := range r.meanings {
		if text := string(m.Reason); p.HasText(text) && !m.Repeatable() {
			r.Report(p, "is an outage or an internal error, which no case can cause: got %s; expected another reason", yamlform.Quote(text))
			return ""
		}
	}
	word, _ := r.enum(p, "a reason", r.reasons())
	return gate.Reason(word)
}

// routes returns the possible names of the route of a decision.
func (r *reader) routes() []string {
	var names []string
	for _, one := range r.cfg.Routes {
		names = append(names, one.Name)
	}
	return append(names, gate.RouteDefault, gate.RouteNone)
}

// further reads the expected names of the further routes that are checked, in any order.
// An empty list expects none.
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
		r.Report(p, "is invalid: got %s; expected %s", yamlform.Quote(text), expected)
		return 0
	}
	return status
}
