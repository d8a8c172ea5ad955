package route

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrPathRefused is why a path is not matched at all: the gate and the
// application behind it might read it differently.
var ErrPathRefused = errors.New("path refused")

// ErrHostRefused is why a host is not matched at all.
var ErrHostRefused = errors.New("host refused")

// Path is a request's path, guarded and taken apart. The zero value is the path
// of no request.
type Path struct {
	// segments are decoded once: ["admin"] for /admin, ["admin", ""] for
	// /admin/, [""] for /.
	segments []string
}

// ParsePath guards and takes apart a request's path as Envoy gives it, query
// included (CheckRequest's http.path). An error is [ErrPathRefused] and says
// which rule was broken, quoting nothing of the path.
//
// The rules are narrower than RFC 3986 on purpose: every spelling that servers
// are known to disagree on (dot segments, encoded slashes and dots, empty
// segments, path parameters, backslashes, double encoding) is refused rather
// than normalised, since only a refusal cannot differ from what the application
// does.
func ParsePath(target string) (Path, error) {
	raw, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(raw, "/") {
		return Path{}, refuse("it does not begin with /")
	}
	if err := guardBytes(raw); err != nil {
		return Path{}, err
	}
	segments := strings.Split(raw[1:], "/")
	for i, segment := range segments {
		decoded, err := parseSegment(segment, i == len(segments)-1)
		if err != nil {
			return Path{}, err
		}
		segments[i] = decoded
	}
	return Path{segments: segments}, nil
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrPathRefused, why) }

// guardBytes refuses the bytes that may not stand in a path.
func guardBytes(raw string) error {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= 0x20 || c == 0x7f:
			return refuse("a control byte or space")
		case c > 0x7f:
			return refuse("a byte that is not ASCII")
		case c == '\\':
			return refuse("a backslash")
		case c == ';':
			return refuse("a semicolon")
		case c == '#':
			return refuse("a fragment")
		}
	}
	return nil
}

// parseSegment guards and decodes one segment; only the last may be empty.
func parseSegment(segment string, last bool) (string, error) {
	switch {
	case segment == "" && !last:
		return "", refuse("an empty segment")
	case segment == "." || segment == "..":
		return "", refuse("a dot segment")
	case !strings.Contains(segment, "%"):
		return segment, nil
	}
	decoded, err := url.PathUnescape(segment)
	if err != nil {
		return "", refuse("a broken percent-encoding")
	}
	if !utf8.ValidString(decoded) {
		return "", refuse("percent-encoded bytes that are not UTF-8")
	}
	for i := 0; i < len(segment); i++ {
		if segment[i] != '%' {
			continue
		}
		// PathUnescape has seen two hexadecimal digits behind every %.
		switch strings.ToLower(segment[i+1 : i+3]) {
		case "2e", "2f", "5c", "25", "3b", "00":
			return "", refuse("a percent-encoded dot, slash, backslash, percent sign, semicolon or NUL")
		}
		i += 2
	}
	if strings.ContainsFunc(decoded, unicode.IsControl) {
		return "", refuse("a percent-encoded control character")
	}
	return decoded, nil
}

// ParseHost returns a request's host in the form in which hosts are compared:
// lower case, without port and final dot. Envoy joins two Host fields with a
// comma; such a host is [ErrHostRefused].
func ParseHost(host string) (string, error) {
	if strings.Contains(host, ",") {
		return "", fmt.Errorf("%w: a comma in it", ErrHostRefused)
	}
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), nil
}
