package identity

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
)

// identityName marks a guarded header that only the gate may set, so that no relaxation
// allows it. Any other guarded header is an override header with the relaxation that
// allows it.
const identityName config.Relaxation = ""

// open reports whether relaxed allows the guarded headers of a relaxation.
func open(why config.Relaxation, relaxed config.Relaxed) bool {
	switch why {
	case config.RelaxMethodOverride:
		return relaxed.MethodOverride
	case config.RelaxOriginalURL:
		return relaxed.OriginalURL
	case config.RelaxForwardedHost:
		return relaxed.ForwardedHost
	}
	return false
}

// OverrideNames returns the sorted override headers that are removed from requests:
// those with which a client can make some applications use another method, URL or host
// than the one that was checked.
func OverrideNames(relaxed config.Relaxed) []string {
	var names []string
	for why, headers := range config.OverrideHeaders() {
		if !open(why, relaxed) {
			names = append(names, headers...)
		}
	}
	slices.Sort(names)
	return names
}

// Fold returns a header name in the form in which names are compared: lower case, with
// '-' for every byte that is not a letter or digit. CGI, WSGI and others convert names
// in a similar way, so that an application cannot distinguish x_user.id and x-user-id.
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

// Strip returns the header names to remove from an allowed request: the names that only
// the gate may set, always in their dash and underscore spellings and in every other
// received spelling, and the override headers in every received spelling. It omits the
// names in set, because Envoy removes after it sets, and the override headers that
// relaxed allows. The caller owns the slice.
func (m *Mapper) Strip(received, set []request.Header, relaxed config.Relaxed) []string {
	remove := make([]string, 0, len(m.always))
	for _, name := range m.always {
		if !isSet(set, name) {
			remove = append(remove, name)
		}
	}
	for _, h := range received {
		why, guarded := m.guarded(h.Name)
		if !guarded || open(why, relaxed) {
			continue
		}
		name := strings.ToLower(h.Name)
		if !isSet(set, name) && !slices.Contains(remove, name) {
			remove = append(remove, name)
		}
	}
	return remove
}

// Usual reports whether [Mapper.Strip] removes no received header other than those that
// it always removes. It allocates nothing.
func (m *Mapper) Usual(received []request.Header, relaxed config.Relaxed) bool {
	for i := range received {
		name := received[i].Name
		if why, guarded := m.guarded(name); !guarded || open(why, relaxed) {
			continue
		}
		if !slices.Contains(m.always, name) {
			return false
		}
	}
	return true
}

func isSet(set []request.Header, name string) bool {
	for i := range set {
		if set[i].Name == name {
			return true
		}
	}
	return false
}

// guarded reports whether clients may not send a header name, in any spelling, and why.
func (m *Mapper) guarded(name string) (why config.Relaxation, guarded bool) {
	if len(name) < m.shortest || len(name) > m.longest {
		return identityName, false
	}
	if strings.IndexByte(m.begins, byte(foldRune('-')(rune(name[0])))) < 0 {
		return identityName, false
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

// Nominated reports whether the value of a Connection header field names a header, in
// any spelling, that only the gate may set. A proxy after Envoy that implements RFC
// 9110 section 7.6.1 would remove the header that the gate has set.
func (m *Mapper) Nominated(connection string) bool {
	for option := range strings.SplitSeq(connection, ",") {
		if why, guarded := m.guarded(strings.Trim(option, " \t")); guarded && why == identityName {
			return true
		}
	}
	return false
}

// Overrides reports whether a header, in any spelling, can make an application use
// another method, URL or host than the one that was checked.
func Overrides(name string) bool {
	folded := Fold(name)
	for _, headers := range config.OverrideHeaders() {
		if slices.Contains(headers, folded) {
			return true
		}
	}
	return false
}
