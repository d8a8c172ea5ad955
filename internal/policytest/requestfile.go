package policytest

import (
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// defaultHost is the host of a request that names none.
const defaultHost = "app.example"

// request reads a request: a line such as GET /api/health, or a mapping.
func (r *reader) request(p place) request {
	const says = "a request such as GET /api/health, or {method: GET, path: /api/health, host: api.example}"
	q := request{method: "GET", host: defaultHost}
	if p.node.Kind == yaml.ScalarNode {
		line, ok := r.text(p, says)
		if !ok {
			return q
		}
		method, path, found := strings.Cut(line, " ")
		if !found || path == "" || !isToken(method) {
			r.fault(p, "is %s; write %s", shown(line), says)
			return q
		}
		q.path = path
		q.method = method
		return q
	}
	stated, ok := r.object(p, says,
		field{"method", func(at place) { q.method = r.method(at) }},
		field{"path", func(at place) { q.path, _ = r.text(at, "a path such as /api/health, with its query if it has one") }},
		field{"host", func(at place) { q.host, _ = r.text(at, "a host such as api.example") }},
		field{"headers", func(at place) { q.headers = r.requestHeaders(at) }},
		field{"route", func(at place) {
			q.route, _ = r.printable(at, "the route that Envoy names in jwtgate.route, such as admin")
		}},
	)
	if ok && !slices.Contains(stated, "path") {
		r.fault(p, "has no path; write path: /api/health")
	}
	return q
}

func (r *reader) method(p place) string {
	text, ok := r.text(p, "a method such as GET")
	if ok && !isToken(text) {
		r.fault(p, "is %s; write a method such as GET", shown(text))
	}
	return text
}

// requestHeaders reads the request's header fields. A list of values stands for
// as many fields of that name.
func (r *reader) requestHeaders(p place) []gate.Header {
	entries, _ := r.entries(p, "the request's headers, such as {origin: https://app.example}")
	var headers []gate.Header
	for _, e := range entries {
		name := e.key.Value
		switch {
		case !isToken(name):
			r.fault(e, "is no name of a header; write one such as x-request-id")
		case strings.EqualFold(name, "host"):
			r.fault(e, "is the request's host; write host: beside headers")
		}
		values := []place{e}
		if e.node.Kind == yaml.SequenceNode {
			values, _ = r.items(e, "")
		}
		for _, at := range values {
			if value, ok := r.headerValue(at); ok {
				headers = append(headers, gate.Header{Name: name, Value: value})
			}
		}
	}
	return headers
}

// headerValue reads a value that a header field can have (RFC 9110 section
// 5.5); it may be empty.
func (r *reader) headerValue(p place) (string, bool) {
	if !isPlain(p.node) && p.node.Kind == yaml.ScalarNode && p.node.Value == "" {
		return "", true
	}
	text, ok := r.text(p, "a value, in quotes if it is empty")
	if ok && strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		r.fault(p, "is %s, with a control character, which no header has", shown(text))
		return "", false
	}
	return text, ok
}

// headerWants reads which headers the application gets from the gate.
func (r *reader) headerWants(p place) []headerWant {
	entries, _ := r.entries(p, "headers with the value expected of each, such as {x-user-id: alice}, or null where the gate sets none")
	known := r.settable()
	var wants []headerWant
	for _, e := range entries {
		want := headerWant{name: strings.ToLower(e.key.Value)}
		if !slices.Contains(known, want.name) {
			mend := "it sets " + strings.Join(known, ", ")
			if near := yamlform.Closest(want.name, known); near != "" {
				mend = "did you mean " + near + "?"
			}
			r.report(r.at(e.key), "%s: the gate never sets %s; %s", p.path, shown(e.key.Value), mend)
			continue
		}
		if !isNull(e.node) {
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
func (r *reader) removed(p place) []string {
	items, _ := r.items(p, "a list of headers that are taken out, such as [x-user-id]")
	var names []string
	for _, at := range items {
		name, ok := r.text(at, "a header such as x-user-id")
		if ok && !isToken(name) {
			r.fault(at, "is %s, no name of a header; write one such as x-user-id", shown(name))
			continue
		}
		names = append(names, strings.ToLower(name))
	}
	return names
}

// source reads where a case's token is put, as in tokens.from of the config.
func (r *reader) source(p place, carried *token) *config.TokenSource {
	const says = "bearer, {cookie: NAME}, {header: NAME}, {query: NAME} or {websocket_protocol: NAME}"
	if carried == nil {
		r.fault(p, "says where the token is put, and the case has none; write token:, or leave it out")
	}
	if p.node.Kind == yaml.ScalarNode {
		if _, ok := r.oneOf(p, "a place of tokens.from", []string{string(config.SourceBearer)}); !ok {
			return nil
		}
		return &config.TokenSource{Kind: config.SourceBearer}
	}
	var found []config.TokenSource
	var fields []field
	for _, kind := range []config.SourceKind{config.SourceCookie, config.SourceHeader, config.SourceQuery, config.SourceWebSocketProtocol} {
		fields = append(fields, field{string(kind), func(at place) {
			name, ok := r.text(at, "a name such as access_token")
			if ok && !isToken(name) {
				r.fault(at, "is %s, no plain name; write one such as access_token", shown(name))
			}
			found = append(found, config.TokenSource{Kind: kind, Name: name})
		}})
	}
	stated, ok := r.object(p, says, fields...)
	if !ok {
		return nil
	}
	if len(stated) != 1 || len(found) != 1 {
		r.fault(p, "has to name one place; write %s", says)
		return nil
	}
	return &found[0]
}

// isToken reports whether text is a token of RFC 9110 section 5.6.2, as methods
// and names of headers are.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}
