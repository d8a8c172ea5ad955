package gate

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/token"
)

// Header is one header field of a request, as package token reads it.
type Header = token.Header

// Request is what the gate reads of a request, as Envoy routed it. Strings and
// headers are shared with the caller and only read.
type Request struct {
	Method string
	Host   string
	Target string // path and query
	// Headers are in the order received; a name may stand more than once.
	Headers []Header
	// Apart: fields of one name stand apart in Headers (Envoy's
	// encode_raw_headers); without, they may have been joined with commas.
	Apart bool
	// Source is the address of the peer that is connected to Envoy, Principal
	// the name that it has proven by mutual TLS, if it has.
	Source    string
	Principal string
	// Extensions are what Envoy's own route says to the gate
	// (CheckRequest.attributes.context_extensions); clients have no part in it.
	Extensions map[string]string
}

const (
	// ExtensionPrefix begins the context extensions that are meant for the gate.
	ExtensionPrefix = "jwtgate."
	// RouteExtension is the one that names a route. No other has a meaning: one
	// that is let pass would leave its operator believing that it had.
	RouteExtension = ExtensionPrefix + "route"
)

// strangeExtension reports whether Envoy says something to the gate that the
// gate does not understand.
func (r *Request) strangeExtension() bool {
	for name := range r.Extensions {
		if strings.HasPrefix(name, ExtensionPrefix) && name != RouteExtension {
			return true
		}
	}
	return false
}

// NamedRoute returns the name of the route that Envoy has chosen, if it has.
func (r *Request) NamedRoute() (name string, named bool) {
	name, named = r.Extensions[RouteExtension]
	return name, named
}

// Path returns the target without its query.
func (r *Request) Path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// query returns the target's query, as it was sent and without its question mark.
func (r *Request) query() string {
	_, query, _ := strings.Cut(r.Target, "?")
	return query
}

// headers returns the values of a header field, in the order received.
func (r *Request) headers(name string) (values []string) {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			values = append(values, h.Value)
		}
	}
	return values
}

// Header returns the first value of a header field, or "".
func (r *Request) Header(name string) string {
	value, _ := r.header(name)
	return value
}

func (r *Request) header(name string) (string, bool) {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}

// preflightMethod returns the method that a CORS preflight asks for, or "" when
// the request is no preflight (Fetch standard, CORS-preflight fetch: OPTIONS
// with Origin and one Access-Control-Request-Method). A request with a body or a
// header that overrides its method or URL is an ordinary one, since an
// application might act on it.
func (r *Request) preflightMethod() string {
	if r.Method != "OPTIONS" {
		return ""
	}
	asked, origin, fields := "", false, 0
	for _, h := range r.Headers {
		switch strings.ToLower(h.Name) {
		case "origin":
			origin = true
		case "access-control-request-method":
			if fields++; fields > 1 || strings.ContainsAny(h.Value, ", ") {
				return ""
			}
			asked = h.Value
		case "content-length":
			if h.Value != "0" {
				return ""
			}
		// A body, or a channel, that could carry anything. Over HTTP/2 a body needs
		// neither of the first two; browsers put none of the others on a preflight.
		case "transfer-encoding", "content-type", "trailer", "upgrade":
			return ""
		}
	}
	if !origin || slices.ContainsFunc(r.Headers, func(h Header) bool { return identity.Overrides(h.Name) }) {
		return ""
	}
	return asked
}
