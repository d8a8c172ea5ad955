package request

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/denial"
)

// ErrMethodRefused is the error of a method that the application could execute as another.
var ErrMethodRefused = errors.New("method refused")

// CheckMethod refuses a method that applications read as another one. The error is
// [ErrMethodRefused]. Methods are case-sensitive (RFC 9110 section 9.1), but many
// frameworks execute delete as DELETE, and no registered method has a lower-case letter. A
// method is a token (section 5.6.2).
func CheckMethod(method string) error {
	if onlyCapitals(method) {
		return nil
	}
	if !config.Token(method) {
		return denial.New(ErrMethodRefused, "it is not a token").Advise(denial.FixMethod.With())
	}
	if strings.ContainsFunc(method, func(r rune) bool { return 'a' <= r && r <= 'z' }) {
		return denial.New(ErrMethodRefused, "it has a lower-case letter").Advise(denial.FixMethodCase.With())
	}
	return nil
}

// onlyCapitals reports whether a method consists of capital letters, as almost all do.
func onlyCapitals(method string) bool {
	for i := range len(method) {
		if c := method[i]; c < 'A' || c > 'Z' {
			return false
		}
	}
	return method != ""
}

// maxOverrides is the most methods that a query may name.
const maxOverrides = 4

// AppendOverrides appends the methods that the query of a POST names in the parameter
// _method, each once and in upper case: some frameworks execute that method instead of
// POST. A query that names too many is [ErrMethodRefused].
//
// The name is decoded once and compared like the most tolerant of those frameworks: letter
// case is ignored, the first byte is anything but a letter or digit (PHP reads .method as
// _method), and spaces before it and everything after a NUL are dropped (as in PHP). A
// semicolon also ends a parameter. A _method in the body is not found.
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
			return to[:begin], denial.New(ErrMethodRefused, fmt.Sprintf("its query names more than %d methods", maxOverrides)).
				Advise(denial.FixNoMethodInQuery.With(), denial.FixRelax.With(string(config.RelaxMethodOverride)))
		}
		to = append(to, value)
	}
	return to, nil
}

// overridesMethod reports whether some framework reads the name of a query parameter, as
// sent, as _method.
func overridesMethod(name string) bool {
	const length = len("_method")
	if len(name) < length {
		return false
	}
	name, _, _ = strings.Cut(strings.TrimLeft(unescape(name), " "), "\x00")
	return len(name) == length && !letterOrDigit(name[0]) && strings.EqualFold(name[1:], "method")
}

// unescape decodes a part of a query once. Unlike net/url it accepts everything: like most
// frameworks, it keeps a percent sign that does not begin an escape.
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
