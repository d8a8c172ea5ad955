package request

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
)

// ErrPathRefused is the error of a path that the application could read differently.
var ErrPathRefused = errors.New("path refused")

// Path is a checked and parsed path. The zero value has no segments and matches no route.
type Path struct {
	// segments are decoded once: ["admin"] for /admin, ["admin", ""] for
	// /admin/, [""] for /.
	segments []string
	// lowered has the folded segments, unless isFolded is set: then segments has them.
	// Each of the two slices is followed by one empty segment in its array, for the path
	// with a final slash.
	lowered  []string
	isFolded bool

	ignoreCase, caseSensitive, slashSensitive bool // the relaxations
}

// Segments returns the segments, decoded once: ["admin"] for /admin, ["admin", ""] for
// /admin/, [""] for /. The slice must not be changed.
func (p *Path) Segments() []string { return p.segments }

// IsFolded reports whether folding ([Fold]) changes no segment.
func (p *Path) IsFolded() bool { return p.isFolded }

// IgnoreCase reports whether ignore_case is relaxed for the path's host.
func (p *Path) IgnoreCase() bool { return p.ignoreCase }

// CaseSensitive reports whether case_sensitive is relaxed for the path's host.
func (p *Path) CaseSensitive() bool { return p.caseSensitive }

// SlashSensitive reports whether slash_sensitive is relaxed for the path's host.
func (p *Path) SlashSensitive() bool { return p.slashSensitive }

// Folded returns the first n segments, folded. n may be one more than the number of
// segments, for the path with a final slash, or one less, for the path without it.
func (p *Path) Folded(n int) []string {
	if p.isFolded {
		return p.segments[:n]
	}
	return p.lowered[:n]
}

// OtherSlash returns the segments with a final slash if the path has none, and without it
// if the path has one. The root has no other form.
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

// String returns the path as it is matched: decoded, without query. A slash or a percent
// sign inside a segment, which only a relaxation permits, is written %2F or %25, so that
// different paths have different strings.
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

// ParsePath checks and parses the path of a target, which may have a query (CheckRequest's
// http.path). The error is [ErrPathRefused]. It says which rule was broken, and quotes
// nothing of the path.
//
// The rules are stricter than RFC 3986: each spelling that servers are known to read
// differently (dot segments, encoded slashes and dots, empty segments, path parameters,
// backslashes, double encoding) is refused and not normalized, because the application may
// normalize it in another way. [config.Relaxation] says how a relaxed spelling is read.
func ParsePath(target string, relaxed config.Relaxed) (Path, error) {
	var p Path
	err := p.Parse(target, relaxed)
	return p, err
}

// Parse is [ParsePath] into p. It reuses p's memory. After an error p is the zero value.
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

// NewPath returns the path with these decoded segments and without relaxations.
func NewPath(segments []string) Path { return newPath(segments, nil) }

// newPath returns the path with these segments. It reuses the memory of both slices.
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
		return nil, denial.New(ErrPathRefused, "it does not begin with /").Advise(denial.FixPathStart.With())
	}
	if err := checkBytes(raw, relaxed); err != nil {
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
			return nil, refuse("an empty segment", config.RelaxDoubleSlash)
		}
		segments = append(segments, segment)
	}
	return segments, nil
}

// refuse returns the error for a path that has something; a relaxation may permit it.
func refuse(what string, permits ...config.Relaxation) error {
	err := denial.New(ErrPathRefused, what).Advise(denial.FixPathWithout.With(what))
	for _, one := range permits {
		err.Advise(denial.FixRelax.With(string(one)))
	}
	return err
}

// checkBytes refuses bytes that a path must not contain.
func checkBytes(raw string, relaxed config.Relaxed) error {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= 0x20 || c == 0x7f:
			return refuse("a control byte or space")
		case c > 0x7f:
			return refuse("a byte that is not ASCII")
		case c == '\\':
			return refuse("a backslash")
		case c == ';' && !relaxed.Semicolon:
			return refuse("a semicolon", config.RelaxSemicolon)
		case c == '#':
			return refuse("a fragment")
		}
	}
	return nil
}

// parseSegment checks and decodes one segment.
func parseSegment(segment string, relaxed config.Relaxed) (string, error) {
	if err := checkEncodings(segment, relaxed); err != nil {
		return "", err
	}
	// Check all of it, also what follows a semicolon and is cut below.
	whole, err := url.PathUnescape(segment)
	switch {
	case err != nil:
		return "", refuse("a broken percent-encoding")
	case !utf8.ValidString(whole):
		return "", refuse("percent-encoded bytes that are not UTF-8")
	case strings.ContainsFunc(whole, unicode.IsControl):
		return "", refuse("a percent-encoded control character")
	}
	// If encoded slashes are permitted, a dot segment could hide between two of them, or
	// after a semicolon from a server that decodes before it cuts.
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
	return url.PathUnescape(cutParameters(segment)) // cannot fail: whole was decoded
}

// checkEncodings refuses percent-encodings that servers read differently.
func checkEncodings(segment string, relaxed config.Relaxed) error {
	for at := strings.IndexByte(segment, '%'); at >= 0; {
		if at+3 > len(segment) {
			return refuse("a broken percent-encoding")
		}
		const encoded = "a percent-encoded "
		switch code := strings.ToLower(segment[at+1 : at+3]); {
		case code == "2e":
			return refuse(encoded + "dot")
		case code == "5c":
			return refuse(encoded + "backslash")
		case code == "00":
			return refuse(encoded + "NUL")
		case code == "2f" && !relaxed.EncodedSlash:
			return refuse(encoded+"slash", config.RelaxEncodedSlash)
		case code == "25" && !relaxed.EncodedPercent:
			return refuse(encoded+"percent sign", config.RelaxEncodedPercent)
		case code == "3b" && !relaxed.Semicolon:
			return refuse(encoded+"semicolon", config.RelaxSemicolon)
		}
		next := strings.IndexByte(segment[at+3:], '%')
		if next < 0 {
			return nil
		}
		at += 3 + next
	}
	return nil
}

// cutParameters returns a segment without its parameters (RFC 3986 section 3.3), which some
// servers drop before routing.
func cutParameters(segment string) string {
	for i := range len(segment) {
		if segment[i] == ';' || i+3 <= len(segment) && strings.EqualFold(segment[i:i+3], "%3b") {
			return segment[:i]
		}
	}
	return segment
}

// reset removes the path and keeps the memory for another.
func (p *Path) reset() {
	clear(p.segments[:cap(p.segments)])
	clear(p.lowered[:cap(p.lowered)])
	*p = Path{segments: p.segments[:0], lowered: p.lowered[:0]}
}
