package envoy

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Arrival is what an Envoy with the shipped file does with a request's method and path
// before it calls jwtgate.
type Arrival struct {
	// Path is the path, with its query, that jwtgate checks.
	Path string
	// Status is the status with which Envoy answers itself; 0 if it calls jwtgate.
	Status int
	// HTTP1 is set if Envoy gives this answer over HTTP/1.1 only.
	HTTP1 bool
	// Why is the reason for Envoy's own answer.
	Why string
}

// Arrival returns what an Envoy with the shipped file, rendered by [Needs.Edit], does
// with a method and a path with its query. It is false for a request that the
// end-to-end tests do not cover. It ignores the host, the headers and the size of a
// request.
func (n Needs) Arrival(method, target string) (arrival Arrival, ok bool) {
	known, others := methods()
	if slices.Contains(others, method) || !isToken(method) {
		return Arrival{}, false
	}
	arrival, ok = n.pathArrival(target)
	if ok && arrival.Status == 0 && !slices.Contains(known, method) {
		return Arrival{Status: 400, HTTP1: true, Why: "a method that its HTTP/1.1 parser does not know"}, true
	}
	return arrival, ok
}

// methods returns the methods that Envoy's HTTP/1.1 parser knows, and those that Envoy
// treats specially. Envoy distinguishes case.
func methods() (known, others []string) {
	return strings.Fields("ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS " +
			"PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE"),
		[]string{"CONNECT", "QUERY", "PRI", "MSEARCH"}
}

// isToken reports whether a method consists of letters, digits, dashes and underscores,
// as all methods in the end-to-end tests do.
func isToken(method string) bool {
	return method != "" && !strings.ContainsFunc(method, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// pathArrival is [Needs.Arrival] for the path, with Envoy's steps in their order: bytes,
// fragment, escaped slashes, parameters of dot segments, NUL, normalization, slashes.
func (n Needs) pathArrival(target string) (Arrival, bool) {
	path, query, hasQuery := strings.Cut(target, "?")
	if hasQuery {
		query = "?" + query
	}
	switch {
	case strings.ContainsFunc(target, isControl):
		return Arrival{}, false
	case strings.ContainsFunc(target, func(r rune) bool { return r > '~' }):
		return Arrival{Status: 400, HTTP1: true, Why: "a byte that is not ASCII"}, true
	case !strings.HasPrefix(path, "/") && strings.Contains(path, ":"), path == "*", path == "":
		return Arrival{}, false // a whole URL, or a request about the server
	case !strings.HasPrefix(path, "/"):
		return Arrival{Status: 400, HTTP1: true, Why: "a path that does not begin with /"}, true
	case strings.Contains(target, "#"):
		return Arrival{Status: 400, Why: "a fragment in the path"}, true
	}
	lower := strings.ToLower(path)
	if !n.EncodedSlash && (strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c")) {
		return Arrival{Status: 400, Why: "path_with_escaped_slashes_action"}, true
	}
	path = cutDotParameters(path)
	switch {
	case strings.Contains(path, "%00"):
		return Arrival{Status: 400, Why: "%00 in the path"}, true
	case brokenEscape(path):
		return Arrival{}, false
	}
	path = normalize(path)
	if !n.DoubleSlash {
		path = mergeSlashes(path)
	}
	return Arrival{Path: path + query}, true
}

// isControl reports whether the byte is not allowed in a path, or ends it.
func isControl(r rune) bool { return r <= ' ' || r == 0x7f }

// brokenEscape reports whether a percent sign is not the beginning of an escape.
func brokenEscape(path string) bool {
	_, err := url.PathUnescape(path)
	return err != nil
}

// normalize is normalize_path: backslashes become slashes, escapes of unreserved
// characters are decoded (RFC 3986 section 2.3), a few characters are escaped, and
// dot segments are removed (section 5.2.4).
func normalize(path string) string {
	segments := strings.Split(strings.ReplaceAll(path, `\`, "/"), "/")[1:]
	var kept []string
	for i, segment := range segments {
		last := i == len(segments)-1
		switch dots(segment) {
		case 1:
		case 2:
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, recode(segment))
			continue
		}
		if last {
			kept = append(kept, "") // a final slash
		}
	}
	return "/" + strings.Join(kept, "/")
}

// cutDotParameters removes the semicolon and the rest of segments such as "..;a", which
// makes them dot segments. Envoy does this before it decodes escapes and before it
// changes backslashes to slashes: "%2e%2e;a" and the one of `\..;a` remain.
func cutDotParameters(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if plain, _, _ := strings.Cut(segment, ";"); plain == "." || plain == ".." {
			segments[i] = plain
		}
	}
	return strings.Join(segments, "/")
}

// dots returns how many dots a dot segment has; 0 for any other segment.
func dots(segment string) int {
	switch decoded := strings.ReplaceAll(strings.ToLower(segment), "%2e", "."); decoded {
	case ".", "..":
		return len(decoded)
	}
	return 0
}

// recode decodes the escapes of unreserved characters and escapes characters that a path
// may not contain. The segment has no broken escape.
func recode(segment string) string {
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		switch {
		case c == '%':
			escape := segment[i : i+3]
			if decoded, _ := url.PathUnescape(escape); isUnreserved(decoded[0]) {
				escape = decoded
			}
			b.WriteString(escape)
			i += 2
		case strings.IndexByte("\"<>^`{|}", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// mergeSlashes is merge_slashes: it removes empty segments. A path of only slashes keeps
// two of them.
func mergeSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	segments := slices.DeleteFunc(strings.Split(path, "/"), func(segment string) bool { return segment == "" })
	merged := "/" + strings.Join(segments, "/")
	if strings.HasSuffix(path, "/") {
		merged += "/"
	}
	return merged
}

// isUnreserved reports whether a byte means the same escaped and plain (RFC 3986
// section 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
