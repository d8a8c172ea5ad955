package identity

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/token"
)

// kind is why a header is guarded.
type kind int

const (
	identityName   kind = iota // only the gate may say who somebody is
	methodOverride             // some applications act on this method instead of the one that was checked
	urlOverride                // some act on this URL
)

// open reports whether a relaxation lets headers of this kind through.
func (k kind) open(relaxed config.Relaxed) bool {
	return k == methodOverride && relaxed.MethodOverride || k == urlOverride && relaxed.OriginalURL
}

// overrides are the headers by which a client can make some applications act on
// another method or URL than the one that was checked.
func overrides() map[string]kind {
	return map[string]kind{
		"x-http-method-override": methodOverride, "x-http-method": methodOverride, "x-method-override": methodOverride,
		"x-original-url": urlOverride, "x-rewrite-url": urlOverride,
	}
}

// OverrideNames returns the override headers that are removed from every request
// under a relaxation, sorted.
func OverrideNames(relaxed config.Relaxed) []string {
	var names []string
	for name, why := range overrides() {
		if !why.open(relaxed) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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
// after it sets, and so are overrides that relaxed lets through. The slice is
// the caller's.
func (m *Mapper) Strip(received, set []token.Header, relaxed config.Relaxed) []string {
	remove := make([]string, 0, len(m.always))
	for _, one := range m.always {
		if !one.kind.open(relaxed) && !isSet(set, one.name) {
			remove = append(remove, one.name)
		}
	}
	for _, h := range received {
		why, guarded := m.guarded(h.Name)
		if !guarded || why.open(relaxed) {
			continue
		}
		name := strings.ToLower(h.Name)
		if !isSet(set, name) && !slices.Contains(remove, name) {
			remove = append(remove, name)
		}
	}
	return remove
}

// Usual reports whether [Mapper.Strip] has nothing to remove of what was
// received beside what it always removes. It allocates nothing.
func (m *Mapper) Usual(received, set []token.Header, relaxed config.Relaxed) bool {
	for i := range received {
		name := received[i].Name
		if why, guarded := m.guarded(name); !guarded || why.open(relaxed) {
			continue
		}
		if !m.removesAlways(name) && !isSet(set, name) {
			return false
		}
	}
	return true
}

// removesAlways reports whether a name is removed whether it was seen or not.
func (m *Mapper) removesAlways(name string) bool {
	for i := range m.always {
		if m.always[i].name == name {
			return true
		}
	}
	return false
}

func isSet(set []token.Header, name string) bool {
	for i := range set {
		if set[i].Name == name {
			return true
		}
	}
	return false
}

// guarded reports whether a header name is, in some spelling, one that clients
// may never send, and why.
func (m *Mapper) guarded(name string) (why kind, guarded bool) {
	if len(name) < m.shortest || len(name) > m.longest {
		return 0, false
	}
	if strings.IndexByte(m.begins, byte(foldRune('-')(rune(name[0])))) < 0 {
		return 0, false
	}
	var buffer [64]byte
	if len(name) > len(buffer) {
		why, guarded = m.folded[Fold(name)]
		return why, guarded
	}
	fold := foldRune('-')
	for i := range len(name) {
		c := name[i]
		if c >= utf8.RuneSelf {
			why, guarded = m.folded[Fold(name)]
			return why, guarded
		}
		buffer[i] = byte(fold(rune(c)))
	}
	why, guarded = m.folded[string(buffer[:len(name)])]
	return why, guarded
}

// Overrides reports whether a header, in any spelling, can make an application
// act on another method or path than the one that was checked.
func Overrides(name string) bool {
	_, known := overrides()[Fold(name)]
	return known
}
