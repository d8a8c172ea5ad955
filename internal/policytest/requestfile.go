package policytest

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// defaultHost is the default host of a request.
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
			r.Report(p, "is invalid: got %s; expected %s", yamlform.Quote(line), expected)
			return q
		}
		q.path = path
		q.method = method
		return q
	}
	yamlform.Object{
		Expected: expected,
		Rows: []yamlform.Row{
			key("method", func(at yamlform.Place) { q.method = r.method(at) }),
			required("path", "path: /api/health", func(at yamlform.Place) {
				q.path, _ = r.text(at, "a path such as /api/health, with its query if it has one")
			}),
			key("host", func(at yamlform.Place) { q.host, _ = r.text(at, "a host such as api.example") }),
			key("headers", func(at yamlform.Place) { q.headers = r.requestHeaders(at) }),
			key("route", func(at yamlform.Place) {
				q.route, _ = r.printable(at, "the route that Envoy names in jwtgate.route, such as admin")
			}),
		},
	}.Read(r.Decoder, p)
	return q
}

func (r *reader) method(p yamlform.Place) string {
	text, ok := r.text(p, "a method such as GET")
	if ok && !config.Token(text) {
		r.Report(p, "is invalid: got %s; expected a method such as GET", yamlform.Quote(text))
	}
	return text
}

// requestHeaders reads the header fields of the request. A list of values means several
// fields with the same name.
func (r *reader) requestHeaders(p yamlform.Place) []request.Header {
	entries, _ := r.Entries(p, "the request's headers, such as {origin: https://app.example}")
	var headers []request.Header
	for _, e := range entries {
		name := e.Name()
		switch {
		case !config.Token(name):
			r.Report(e, "is not a header name; expected a name such as x-request-id")
		case strings.EqualFold(name, "host"):
			r.Report(e, "is not allowed here; set host of the request instead")
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

// headerValue reads a valid value of a header field (RFC 9110 section 5.5), which may be
// empty.
func (r *reader) headerValue(p yamlform.Place) (string, bool) {
	text, _, ok := r.Scalar(p, "a value, in quotes if it is empty")
	if ok && strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		r.Report(p, "has a control character, which is not allowed in a header: got %s", yamlform.Quote(text))
		return "", false
	}
	return text, ok
}

// headerWants reads the expected headers that the gate sets.
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

// settable returns the headers that a case can expect: identity headers, headers that the
// gate only removes (for which a case can expect null), and header fields that the gate
// rewrites to remove a credential.
func (r *reader) settable() []string {
	var names []string
	for _, h := range r.cfg.Identity.Headers {
		names = append(names, h.Name)
	}
	names = slices.Concat(names, r.cfg.Identity.Removed, r.cfg.Identity.Strip)
	return append(names, config.FieldCookie, config.FieldWebSocketProtocol, gate.StreamLimitHeader)
}

// removed reads the headers that the gate is expected to remove.
func (r *reader) removed(p yamlform.Place) []string {
	items, _ := r.Items(p, "a list of headers that are removed, such as [x-user-id]")
	var names []string
	for _, at := range items {
		name, ok := r.text(at, "a header such as x-user-id")
		if ok && !config.Token(name) {
			r.Report(at, "is not a header name: got %s; expected a name such as x-user-id", yamlform.Quote(name))
			continue
		}
		names = append(names, strings.ToLower(name))
	}
	return names
}

// source reads where the token of a case is put, like an item of tokens.from.
func (r *reader) source(p yamlform.Place, carried *token) *config.TokenSource {
	const expected = "bearer, {cookie: NAME}, {header: NAME}, {query: NAME} or {websocket_protocol: NAME}"
	if carried == nil {
		r.Report(p, "has no effect without a token; set token, or remove it")
	}
	if p.IsScalar() {
		if _, ok := r.enum(p, "a place of tokens.from", []string{string(config.SourceBearer)}); !ok {
			return nil
		}
		return &config.TokenSource{Kind: config.SourceBearer}
	}
	var found []config.TokenSource
	table := yamlform.Object{Expected: expected}
	for _, kind := range []config.SourceKind{config.SourceCookie, config.SourceHeader, config.SourceQuery, config.SourceWebSocketProtocol} {
		table.Rows = append(table.Rows, key(string(kind), func(at yamlform.Place) {
			name, ok := r.text(at, "a name such as access_token")
			if ok && !config.Token(name) {
				r.Report(at, "is not a plain name: got %s; expected a name such as access_token", yamlform.Quote(name))
			}
			found = append(found, config.TokenSource{Kind: kind, Name: name})
		}))
	}
	if !table.Read(r.Decoder, p) {
		return nil
	}
	if len(found) != 1 {
		r.Report(p, "must name exactly one source; expected %s", expected)
		return nil
	}
	return &found[0]
}
