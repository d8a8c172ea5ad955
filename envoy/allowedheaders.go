package envoy

import (
	"fmt"
	"regexp"
	"strings"
)

// listIndent is the indentation of the patterns of allowed_headers.
const listIndent = "                "

// plainName matches the header names that [Apply] writes into the file's lists. It is
// wider than fieldName, since a `when` can read any header.
var plainName = regexp.MustCompile(`^[a-z0-9._-]+$`)

// Plain reports whether a header name has the form that [Edit.Tokens] and
// [Edit.Conditions] require.
func Plain(name string) bool { return plainName.MatchString(name) }

// Sent reports whether, with the shipped file, Envoy sends jwtgate the header field with
// a name in lower case. jwtgate acts as if clients had not sent the others.
func Sent(name string) bool {
	for _, item := range sentItems() {
		switch {
		case item.kind == "exact" && name == item.text,
			item.kind == "contains" && strings.Contains(name, item.text),
			item.kind == "regex" && regexp.MustCompile("^(?:"+item.text+")$").MatchString(name):
			return true
		}
	}
	return false
}

// SentByName returns the header fields that the shipped file lists by their whole names:
// those with a credential, and those that jwtgate reads from every request, except
// identity and override headers.
func SentByName() []string {
	var names []string
	for _, item := range sentItems() {
		if item.kind == "exact" {
			names = append(names, item.text)
		}
	}
	return names
}

// sentItem is one item of the shipped file's allowed_headers.
type sentItem struct{ kind, text string }

func sentItems() []sentItem {
	var items []sentItem
	_, block, _ := strings.Cut(shipped, "allowed_headers:\n")
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		found := sentPattern.FindStringSubmatch(line)
		if found == nil && line != "patterns:" && !strings.HasPrefix(line, "#") {
			break // the end of the list
		}
		if found != nil {
			items = append(items, sentItem{found[1], found[2]})
		}
	}
	return items
}

// sentPattern matches an item of the shipped file's allowed_headers.
var sentPattern = regexp.MustCompile(`^- (?:safe_regex: \{ )?(exact|contains|regex): "([^"]*)"`)

// sent returns the changes of the headers that Envoy sends to jwtgate. They insert a line
// for each name before the marked item.
func (e Edit) sent() ([]change, error) {
	for _, name := range append(append([]string{}, e.Tokens...), e.Conditions...) {
		if !Plain(name) {
			return nil, fmt.Errorf("headers: got %q; expected a header name of lower-case letters, digits, dots, dashes and underscores", name)
		}
	}
	var changes []change
	if len(e.Tokens) > 0 {
		// The list of headers to send and the expression of headers that jwtgate may
		// remove have the same mark.
		const inExpression = ".*token.*"
		changes = append(changes, change{
			mark: "tokens", times: 2, find: regexp.MustCompile(`- contains: "token"|\.\*token\.\*`),
			with: func(found string) string {
				if found == inExpression {
					return found + "|" + strings.ReplaceAll(strings.Join(e.Tokens, "|"), ".", "[.]")
				}
				return before(found, e.Tokens)
			},
		})
	}
	item := regexp.MustCompile(`- exact: "x-request-id"`)
	switch {
	case e.SendAll:
		changes = append(changes, change{mark: "conditions", times: 1, find: item, with: always(`- safe_regex: { regex: ".*" }`)})
	case len(e.Conditions) > 0:
		changes = append(changes, change{mark: "conditions", times: 1, find: item,
			with: func(found string) string { return before(found, e.Conditions) }})
	}
	return changes, nil
}

// before inserts an item of allowed_headers for each name before an item.
func before(found string, names []string) string {
	var items strings.Builder
	for _, name := range names {
		fmt.Fprintf(&items, "- exact: %q\n"+listIndent, name)
	}
	return items.String() + found
}
