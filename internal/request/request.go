package request

import "strings"

// Header is one header field, as Envoy sent it.
type Header struct {
	Name  string // Envoy sends lower case, but the gate accepts any
	Value string
}

// Request is what the gate reads of a request, as sent by Envoy. [Parsed] has its parts.
// Others may share its strings and headers, so it must not be changed.
type Request struct {
	Method    string
	Authority string // host, with a port if the client sent one
	Target    string // path and query
	// Headers are in the order received. A name may occur more than once.
	Headers []Header
	// RawHeaders says that each field is an element of Headers (Envoy's encode_raw_headers).
	// Otherwise Envoy may have joined fields of the same name with commas.
	RawHeaders bool
	// Source is the address of the peer that is connected to Envoy. Principal is the name
	// that the peer proved with mutual TLS, or "".
	Source    string
	Principal string
	// Extensions are the context extensions of Envoy's route
	// (CheckRequest.attributes.context_extensions). Clients cannot set them.
	Extensions map[string]string
}

const (
	// ExtensionPrefix is the prefix of the context extensions that are for the gate.
	ExtensionPrefix = "jwtgate."
	// RouteExtension is the context extension that names a route, the only one that the
	// gate knows. The gate denies requests with others, because the operator who set them
	// expects an effect.
	RouteExtension = ExtensionPrefix + "route"
)

// UnknownExtension reports whether there is a context extension for the gate that the gate
// does not know.
func (r *Request) UnknownExtension() bool {
	for name := range r.Extensions {
		if strings.HasPrefix(name, ExtensionPrefix) && name != RouteExtension {
			return true
		}
	}
	return false
}

// NamedRoute returns the name of the route that Envoy named, if it named one.
func (r *Request) NamedRoute() (name string, named bool) {
	name, named = r.Extensions[RouteExtension]
	return name, named
}

// RawPath returns the target without its query, as sent.
func (r *Request) RawPath() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// Values returns the values of a header field, in the order received.
func (r *Request) Values(name string) (values []string) {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			values = append(values, h.Value)
		}
	}
	return values
}

// Header returns the first value of a header field, or "" if there is none.
func (r *Request) Header(name string) string {
	value, _ := r.Lookup(name)
	return value
}

// Lookup returns the first value of a header field, and whether there is one.
func (r *Request) Lookup(name string) (value string, found bool) {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}
