package request

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
)

// ErrPathRefused is why a path is not matched at all: the gate and the
// application behind it might read it differently.
var ErrPathRefused = errors.New("path refused")

// Path is a request's path, guarded and taken apart. The zero value is the path
// of no request.
type Path struct {
	// segments are decoded once: ["admin"] for /admin, ["admin", ""] for
	// /admin/, [""] for /.
	segments []string
	// lowered are the segments folded, where they are not their own fold, and
	// isFolded says that they are. Behind segments and behind lowered stands one
	// empty segment more: the path with a final slash.
	lowered  []string
	isFolded bool

	ignoreCase, caseSensitive, slashSensitive bool // as the relaxations say
}

// Segments returns the path's segments, decoded once: ["admin"] for /admin,
// ["admin", ""] for /admin/, [""] for /. The slice must not be changed.
func (p *Path) Segments() []string { return p.segments }

// IsFolded reports whether each segment is its own fold ([Fold]).
func (p *Path) IsFolded() bool { return p.isFolded }

// IgnoreCase, CaseSensitive and SlashSensitive are what the relaxations say of the
// path's host.
func (p *Path) IgnoreCase() bool { return p.ignoreCase }

// CaseSensitive is described at [Path.IgnoreCase].
func (p *Path) CaseSensitive() bool { return p.caseSensitive }

// SlashSensitive is described at [Path.IgnoreCase].
func (p *Path) SlashSensitive() bool { return p.slashSensitive }

// Folded returns the first n of the path's segments, folded. One more than the path has
// are those of the path with a final slash; one less are those without it.
func (p *Path) Folded(n int) []string {
	if p.isFolded {
		return p.segments[:n]
	}
	return p.lowered[:n]
}

// OtherSlash returns the segments of the path with a final slash if it has none,
// and without it if it has one. The root has no other form.
func (p *Path) OtherSlash() (segments []string, ok bool) {
	n := len(p.segments)
	switch {
	case n == 0 || n == 1 && p.segments[0] == "":
		return nil, false
	case p.segments[n-1] == "":
		return p.segments[:n-1], true
	}
	return p.segments[:n+1], true
}

// String renders the path as it was matched: decoded, without its query. A slash
// or a percent sign inside a segment, which only a relaxation lets there be, is
// written %2F or %25, so that no two paths render alike.
func (p Path) String() string {
	if len(p.segments) == 0 {
		return ""
	}
	var b strings.Builder
	for _, segment := range p.segments {
		b.WriteByte('/')
		if strings.ContainsAny(segment, "%/") {
			segment = strings.NewReplacer("%", "%25", "/", "%2F").Replace(segment)
		}
		b.WriteString(segment)
	}
	return b.String()
}

// ParsePath guards and takes apart a request's path as Envoy gives it, query
// included (CheckRequest's http.path). An error is [ErrPathRefused] and says
// which rule was broken, quoting nothing of the path.
//
// The rules are narrower than RFC 3986 on purpose: every spelling that servers
// are known to disagree on (dot segments, encoded slashes and dots, empty
// segments, path parameters, backslashes, double encoding) is refused rather
// than normalised, since only a refusal cannot differ from what the application
// does. What relaxed opens is read as [config.Relaxation] says.
func ParsePath(target string, relaxed config.Relaxed) (Path, error) {
	var p Path
	err := p.Parse(target, relaxed)
	return p, err
}

// Parse is [ParsePath] in the memory that the path already has, which must not be
// in use any more: after an error it is the path of no request.
func (p *Path) Parse(target string, relaxed config.Relaxed) error {
	segments, err := parseSegments(p.segments[:0], target, relaxed)
	if err != nil {
		*p = Path{}
		return err
	}
	*p = newPath(segments, p.lowered)
	p.ignoreCase, p.caseSensitive, p.slashSensitive = relaxed.IgnoreCase, relaxed.CaseSensitive, relaxed.SlashSensitive
	return nil
}

// NewPath returns the path of these decoded segments, for which nothing is relaxed.
func NewPath(segments []string) Path { return newPath(segments, nil) }

// newPath returns the path of these segments, in the memory of both slices.
func newPath(segments, lowered []string) Path {
	n := len(segments)
	p := Path{segments: append(segments, "")[:n], lowered: lowered, isFolded: true}
	for i, segment := range segments {
		folded := Fold(segment)
		if p.isFolded && folded == segment {
			continue
		}
		if p.isFolded {
			p.isFolded = false
			p.lowered = append(p.lowered[:0], segments[:i]...)
		}
		p.lowered = append(p.lowered, folded)
	}
	if !p.isFolded {
		p.lowered = append(p.lowered, "")[:n]
	}
	return p
}

// parseSegments appends the segments of a target's path.
func parseSegments(segments []string, target string, relaxed config.Relaxed) ([]string, error) {
	raw, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(raw, "/") {
		return nil, refuse("it does not begin with /")
	}
	if err := guardBytes(raw, relaxed); err != nil {
		return nil, err
	}
	rest, more := raw[1:], true
	for more {
		var text string
		text, rest, more = strings.Cut(rest, "/")
		segment, err := parseSegment(text, relaxed)
		switch {
		case err != nil:
			return nil, err
		case segment == "" && more && relaxed.DoubleSlash:
			continue
		case segment == "" && more:
			return nil, refuse("an empty segment")
		}
		segments = append(segments, segment)
	}
	return segments, nil
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrPathRefused, why) }

// guardBytes refuses the bytes that may not stand in a path.
func guardBytes(raw string, relaxed config.Relaxed) error {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= 0x20 || c == 0x7f:
			return refuse("a control byte or space")
		case c > 0x7f:
			return refuse("a byte that is not ASCII")
		case c == '\\':
			return refuse("a backslash")
		case c == ';' && !relaxed.Semicolon:
			return refuse("a semicolon")
		case c == '#':
			return refuse("a fragment")
		}
	}
	return nil
}

// parseSegment guards and decodes one segment.
func parseSegment(segment string, relaxed config.Relaxed) (string, error) {
	if err := guardEncodings(segment, relaxed); err != nil {
		return "", err
	}
	// All of it is decoded first: what follows a semicolon is cut, not unread.
	whole, err := url.PathUnescape(segment)
	switch {
	case err != nil:
		return "", refuse("a broken percent-encoding")
	case !utf8.ValidString(whole):
		return "", refuse("percent-encoded bytes that are not UTF-8")
	case strings.ContainsFunc(whole, unicode.IsControl):
		return "", refuse("a percent-encoded control character")
	}
	// With an encoded slash open, dot segments could hide between two, and
	// behind a semicolon from a server that decodes before it cuts.
	for part := range strings.SplitSeq(whole, "/") {
		if relaxed.Semicolon {
			part, _, _ = strings.Cut(part, ";")
		}
		if part == "." || part == ".." {
			return "", refuse("a dot segment")
		}
	}
	if !relaxed.Semicolon {
		return whole, nil
	}
	return url.PathUnescape(cutParameters(segment)) // a part of what could be decoded
}

// guardEncodings refuses the percent-encodings that servers read differently.
func guardEncodings(segment string, relaxed config.Relaxed) error {
	for at := strings.IndexByte(segment, '%'); at >= 0; {
		if at+3 > len(segment) {
			return refuse("a broken percent-encoding")
		}
		open := false
		switch strings.ToLower(segment[at+1 : at+3]) {
		case "2e", "5c", "00":
		case "2f":
			open = relaxed.EncodedSlash
		case "25":
			open = relaxed.EncodedPercent
		case "3b":
			open = relaxed.Semicolon
		default:
			open = true
		}
		if !open {
			return refuse("a percent-encoded dot, slash, backslash, percent sign, semicolon or NUL")
		}
		next := strings.IndexByte(segment[at+3:], '%')
		if next < 0 {
			return nil
		}
		at += 3 + next
	}
	return nil
}

// cutParameters cuts a segment's parameters (RFC 3986 section 3.3), which some
// servers drop before they route.
func cutParameters(segment string) string {
	for i := range len(segment) {
		if segment[i] == ';' || i+3 <= len(segment) && strings.EqualFold(segment[i:i+3], "%3b") {
			return segment[:i]
		}
	}
	return segment
}

// reset forgets the path and keeps the memory for another.
func (p *Path) reset() {
	clear(p.segments[:cap(p.segments)])
	clear(p.lowered[:cap(p.lowered)])
	*p = Path{segments: p.segments[:0], lowered: p.lowered[:0]}
}
