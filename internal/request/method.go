package request

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
)

// ErrMethodRefused is why a method is not matched at all: the gate and the
// application behind it might read it differently.
var ErrMethodRefused = errors.New("method refused")

// CheckMethod refuses a method that applications read as another one. The error is
// [ErrMethodRefused]. Methods are case-sensitive (RFC 9110 section 9.1), but many
// frameworks execute delete as DELETE; no registered method has a lower-case
// letter. What is not a token (section 5.6.2) is no method.
func CheckMethod(method string) error {
	if usual(method) {
		return nil
	}
	if !config.Token(method) {
		return fmt.Errorf("%w: it is not a token", ErrMethodRefused)
	}
	if strings.ContainsFunc(method, func(r rune) bool { return 'a' <= r && r <= 'z' }) {
		return fmt.Errorf("%w: it has a lower-case letter", ErrMethodRefused)
	}
	return nil
}

// usual reports whether a method is capital letters alone, as nearly all are.
func usual(method string) bool {
	for i := range len(method) {
		if c := method[i]; c < 'A' || c > 'Z' {
			return false
		}
	}
	return method != ""
}

// maxOverrides bounds how many methods one query may name.
const maxOverrides = 4

// AppendOverrides appends the methods that the query of a POST names in the
// parameter _method, each once and in upper case: some frameworks execute that
// method in place of POST. A query that names more than a few is [ErrMethodRefused].
//
// The name is decoded once and compared as the laxest of those frameworks does:
// without regard to case, with any byte that is neither letter nor digit in the
// place of the underscore (PHP reads .method so), without spaces before it or what
// follows a NUL (PHP drops both). A semicolon ends a parameter, too.
// A _method in a body is not seen.
func AppendOverrides(to []string, method, query string) ([]string, error) {
	if method != "POST" || query == "" {
		return to, nil
	}
	begin := len(to)
	for more := true; more; {
		var pair string
		if at := strings.IndexAny(query, "&;"); at >= 0 {
			pair, query = query[:at], query[at+1:]
		} else {
			pair, more = query, false
		}
		name, value, _ := strings.Cut(pair, "=")
		if !overridesMethod(name) {
			continue
		}
		value = strings.ToUpper(strings.TrimSpace(unescape(value)))
		if slices.Contains(to[begin:], value) {
			continue
		}
		if len(to)-begin == maxOverrides {
			return to[:begin], fmt.Errorf("%w: its query names more than %d methods", ErrMethodRefused, maxOverrides)
		}
		to = append(to, value)
	}
	return to, nil
}

// overridesMethod reports whether a query parameter's name, as it was sent, is
// _method to some framework.
func overridesMethod(name string) bool {
	const least = len("_method")
	if len(name) < least {
		return false
	}
	name, _, _ = strings.Cut(strings.TrimLeft(unescape(name), " "), "\x00")
	return len(name) == least && !letterOrDigit(name[0]) && strings.EqualFold(name[1:], "method")
}

// unescape decodes a part of a query once. Unlike net/url's it refuses
// nothing: a percent sign that escapes nothing stays, as most frameworks read it.
func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	decoded := make([]byte, 0, len(text))
	for at := 0; at < len(text); at++ {
		switch c := text[at]; {
		case c == '+':
			decoded = append(decoded, ' ')
		case c == '%' && at+2 < len(text):
			if b, err := hex.DecodeString(text[at+1 : at+3]); err == nil {
				c, at = b[0], at+2
			}
			decoded = append(decoded, c)
		default:
			decoded = append(decoded, c)
		}
	}
	return string(decoded)
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
