package envoylint

import (
	"regexp"
	"strings"
)

// matches reports whether one of Envoy's string matchers takes a text, as it
// does with header names: they come in lower case.
func (v *value) matches(text string) bool {
	fold := func(s string) string { return s }
	if v.get("ignore_case").is() {
		fold = strings.ToLower
	}
	at := func(name string) (string, bool) {
		one := v.get(name)
		return fold(one.text), one.there()
	}
	if want, ok := at("exact"); ok {
		return fold(text) == want
	}
	if want, ok := at("prefix"); ok {
		return strings.HasPrefix(fold(text), want)
	}
	if want, ok := at("suffix"); ok {
		return strings.HasSuffix(fold(text), want)
	}
	if want, ok := at("contains"); ok {
		return strings.Contains(fold(text), want)
	}
	return v.get("safe_regex").fits(text)
}

// fits reports whether a regular expression takes the whole of a text. One that
// cannot be read takes nothing.
func (v *value) fits(text string) bool {
	pattern := v.get("regex")
	if !pattern.there() {
		return false
	}
	if pattern.expression == nil {
		compiled, err := regexp.Compile(`^(?:` + pattern.text + `)$`)
		if err != nil {
			return false
		}
		pattern.expression = compiled
	}
	return pattern.expression.MatchString(text)
}

// matchesAny reports whether one of a list of matchers takes a text.
func (v *value) matchesAny(text string) bool {
	for _, pattern := range v.get("patterns").items {
		if pattern.matches(text) {
			return true
		}
	}
	return false
}

// spellings are a header's name as it is written, which is the first, and as
// servers that fold separators (CGI, WSGI and others) take for the same, each
// once. With underscores is a spelling only where Envoy forwards such headers.
func spellings(name string, underscores bool) []string {
	all := []string{name}
	if !strings.Contains(name, "-") {
		return all
	}
	if underscores {
		all = append(all, strings.ReplaceAll(name, "-", "_"))
	}
	return append(all, strings.ReplaceAll(name, "-", "."))
}
