package config

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// CookieName is the name of a cookie, or with a final * the beginning of names.
type CookieName string

// Matches reports whether it names a cookie. Cookies' names are case-sensitive.
func (c CookieName) Matches(name string) bool {
	if begin, many := strings.CutSuffix(string(c), "*"); many {
		return strings.HasPrefix(name, begin)
	}
	return name == string(c)
}

// Covers reports whether it names every cookie that another one names.
func (c CookieName) Covers(other CookieName) bool {
	begin, many := strings.CutSuffix(string(c), "*")
	return c == other || many && strings.HasPrefix(strings.TrimSuffix(string(other), "*"), begin)
}

// cookieNameCodec is a [CookieName]. A single * would remove the application's own
// cookies too.
func cookieNameCodec() yamlform.Codec[CookieName] {
	const expected = "a cookie's name such as __Host-BearerToken, or its beginning and *"
	name := yamlform.Text(expected, func(text string) string {
		valid := len(text) <= 128 && Token(text) && text != "*"
		return unless(valid, "is invalid", text, expected+", 1 to 128 letters, digits and any of "+tokenBytes)
	})
	return yamlform.Codec[CookieName]{Expected: name.Expected, Schema: name.Schema,
		Read: func(d *yamlform.Decoder, p yamlform.Place) (CookieName, bool) {
			text, ok := name.Read(d, p)
			return CookieName(text), ok
		}}
}
