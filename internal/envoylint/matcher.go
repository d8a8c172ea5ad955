package envoylint

import (
	"regexp"
	"slices"
	"strings"
)

// matches reports whether one of Envoy's string matchers matches a header name, which is
// in lower case.
func (v *value) matches(text string) bool {
	fold := func(s string) string { return s }
	if v.get("ignore_case").is() {
		fold = strings.ToLower
	}
	for _, one := range []struct {
		name  string
		match func(text, pattern string) bool
	}{
		{"exact", func(text, pattern string) bool { return text == pattern }},
		{"prefix", strings.HasPrefix}, {"suffix", strings.HasSuffix}, {"contains", strings.Contains},
	} {
		if pattern := v.get(one.name); pattern.there() {
			return one.match(fold(text), fold(pattern.text))
		}
	}
	return v.get("safe_regex").fullMatch(text)
}

// fullMatch reports whether a regular expression matches a whole text. An invalid one
// matches nothing.
func (v *value) fullMatch(text string) bool {
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

// matchesAny reports whether one of a list of matchers matches a text.
func (v *value) matchesAny(text string) bool {
	return slices.ContainsFunc(v.get("patterns").items, func(pattern *value) bool { return pattern.matches(text) })
}

// spellings returns a header's name as it is written, and then the other names that
// servers which fold separators (CGI, WSGI and others) read as the same. Spellings with
// underscores count only if Envoy forwards such headers.
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
