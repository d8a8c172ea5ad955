package identity

import (
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/token"
)

// overrides are the headers by which a client can make some applications act on
// another method or path than the one that was checked.
func overrides() []string {
	return []string{
		"x-http-method-override", "x-http-method", "x-method-override",
		"x-original-url", "x-rewrite-url",
	}
}

// Fold returns a header name in the form in which names are compared: lower
// case, and every byte that is not a letter or digit folded to '-'. CGI, WSGI
// and others fold so, which makes x_user.id the same header as x-user-id to the
// application.
func Fold(name string) string { return strings.Map(foldRune('-'), name) }

func foldRune(separator rune) func(rune) rune {
	return func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return separator
		}
	}
}

// Strip returns the header names to remove from a request that is allowed: the
// names that only the gate may set, and the override headers, in their dash and
// underscore spelling whether they were seen or not, and in every other
// spelling that was received. Names in set are left out, since Envoy removes
// after it sets. The slice is the caller's.
func (m *Mapper) Strip(received, set []token.Header) []string {
	isSet := func(name string) bool {
		return slices.ContainsFunc(set, func(h token.Header) bool { return h.Name == name })
	}
	remove := make([]string, 0, len(m.always))
	for _, name := range m.always {
		if !isSet(name) {
			remove = append(remove, name)
		}
	}
	for _, h := range received {
		if !m.guarded(h.Name) {
			continue
		}
		name := strings.ToLower(h.Name)
		if !isSet(name) && !slices.Contains(remove, name) {
			remove = append(remove, name)
		}
	}
	return remove
}

// guarded reports whether a header name is, in some spelling, one that clients
// may never send.
func (m *Mapper) guarded(name string) bool {
	if len(name) < m.shortest || len(name) > m.longest {
		return false
	}
	_, found := m.folded[Fold(name)]
	return found
}

// Overrides reports whether a header, in any spelling, can make an application
// act on another method or path than the one that was checked.
func Overrides(name string) bool { return slices.Contains(overrides(), Fold(name)) }
