package policytest

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// defaultHost is the host of a request that names none.
const defaultHost = "app.example"

// request reads a request: a line such as GET /api/health, or a mapping.
func (r *reader) request(p yamlform.Place) requestSpec {
	const expected = "a request such as GET /api/health, or {method: GET, path: /api/health, host: api.example}"
	q := requestSpec{method: "GET", host: defaultHost}
	if p.IsScalar() {
		line, ok := r.text(p, expected)
		if !ok {
			return q
		}
		method, path, found := strings.Cut(line, " ")
		if !found || path == "" || !config.Token(method) {
			r.Report(p, "is %s; write %s", yamlform.Quote(line), expected)
			return q
		}
		q.path = path
		q.method = method
		return q
	}
	yamlform.Object[requestSpec]{
		Expected: expected,
		Fields: []yamlform.FieldOf[requestSpec]{
			key("method", func(at yamlform.Place, q *requestSpec) { q.method = r.method(at) }),
			required("path", "path: /api/health", func(at yamlform.Place, q *requestSpec) {
				q.path, _ = r.text(at, "a path such as /api/health, with its query if it has one")
			}),
			key("host", func(at yamlform.Place, q *requestSpec) { q.host, _ = r.text(at, "a host such as api.example") }),
			key("headers", func(at yamlform.Place, q *requestSpec) { q.headers = r.requestHeaders(at) }),
			key("route", func(at yamlform.Place, q *requestSpec) {
				q.route, _ = r.printable(at, "the route that Envoy names in jwtgate.route, such as admin")
			}),
		},
	}.Read(r.Decoder, p, &q)
	return q
}

func (r *reader) method(p yamlform.Place) string {
	text, ok := r.text(p, "a method such as GET")
	if ok && !config.Token(text) {
		r.Report(p, "is %s; write a method such as GET", yamlform.Quote(text))
	}
	return text
}

// requestHeaders reads the request's header fields. A list of values stands for
// as many fields of that name.
func (r *reader) requestHeaders(p yamlform.Place) []request.Header {
	entries, _ := r.Entries(p, "the request's headers, such as {origin: https://app.example}")
	var headers []request.Header
	for _, e := range entries {
		name := e.Name()
		switch {
		case !config.Token(name):
			r.Report(e, "is no name of a header; write one such as x-request-id")
		case strings.EqualFold(name, "host"):
			r.Report(e, "is the request's host; write host: beside headers")
		}
		values := []yamlform.Place{e}
		if e.IsList() {
			values, _ = r.Items(e, "")
		}
		for _, at := range values {
			if value, ok := r.headerValue(at); ok {
				headers = append(headers, request.Header{Name: name, Value: value})
			}
		}
	}
	return headers
}

// headerValue reads a value that a header field can have (RFC 9110 section
// 5.5); it may be empty.
func (r *reader) headerValue(p yamlform.Place) (string, bool) {
	text, _, ok := r.Scalar(p, "a value, in quotes if it is empty")
	if ok && strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		r.Report(p, "is %s, with a control character, which no header has", yamlform.Quote(text))
		return "", false
	}
	return text, ok
}

// headerWants reads which headers the application gets from the gate.
func (r *reader) headerWants(p yamlform.Place) []headerWant {
	entries, _ := r.Entries(p, "headers with the value expected of each, such as {x-user-id: alice}, or null where the gate sets none")
	known := r.settable()
	var wants []headerWant
	for _, e := range entries {
		want := headerWant{name: strings.ToLower(e.Name())}
		if !slices.Contains(known, want.name) {
			r.ReportPos(r.KeyPos(e), "%s: the gate never sets %s; %s", p.Path, yamlform.Quote(e.Name()),
				yamlform.DidYouMean(want.name, known, "it sets "+strings.Join(known, ", ")))
			continue
		}
		if !r.IsNull(e) {
			want.value, _ = r.text(e, "the value, or null where the gate sets none")
		}
		wants = append(wants, want)
	}
	return wants
}

// settable lists the headers that an allowed request can get from the gate: the
// identity, names that it only ever removes (of which null can be expected), and
// fields that a credential is cut out of.
func (r *reader) settable() []string {
	var names []string
	for _, h := range r.cfg.Identity.Headers {
		names = append(names, h.Name)
	}
	names = slices.Concat(names, r.cfg.Identity.Removed, r.cfg.Identity.Strip)
	return append(names, config.FieldCookie, config.FieldWebSocketProtocol, gate.StreamLimitHeader)
}

// removed reads which headers the gate takes out of the request.
func (r *reader) removed(p yamlform.Place) []string {
	items, _ := r.Items(p, "a list of headers that are taken out, such as [x-user-id]")
	var names []string
	for _, at := range items {
		name, ok := r.text(at, "a header such as x-user-id")
		if ok && !config.Token(name) {
			r.Report(at, "is %s, no name of a header; write one such as x-user-id", yamlform.Quote(name))
			continue
		}
		names = append(names, strings.ToLower(name))
	}
	return names
}

// source reads where a case's token is put, as in tokens.from of the config.
func (r *reader) source(p yamlform.Place, carried *token) *config.TokenSource {
	const expected = "bearer, {cookie: NAME}, {header: NAME}, {query: NAME} or {websocket_protocol: NAME}"
	if carried == nil {
		r.Report(p, "says where the token is put, and the case has none; write token:, or leave it out")
	}
	if p.IsScalar() {
		if _, ok := r.enum(p, "a place of tokens.from", []string{string(config.SourceBearer)}); !ok {
			return nil
		}
		return &config.TokenSource{Kind: config.SourceBearer}
	}
	type sources = []config.TokenSource
	table := yamlform.Object[sources]{Expected: expected}
	for _, kind := range []config.SourceKind{config.SourceCookie, config.SourceHeader, config.SourceQuery, config.SourceWebSocketProtocol} {
		table.Fields = append(table.Fields, key(string(kind), func(at yamlform.Place, found *sources) {
			name, ok := r.text(at, "a name such as access_token")
			if ok && !config.Token(name) {
				r.Report(at, "is %s, no plain name; write one such as access_token", yamlform.Quote(name))
			}
			*found = append(*found, config.TokenSource{Kind: kind, Name: name})
		}))
	}
	var found sources
	if !table.Read(r.Decoder, p, &found) {
		return nil
	}
	if len(found) != 1 {
		r.Report(p, "has to name one place; write %s", expected)
		return nil
	}
	return &found[0]
}
