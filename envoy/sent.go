package envoy

import (
	"fmt"
	"regexp"
	"strings"
)

// listIndent stands before each of the patterns of allowed_headers.
const listIndent = "                "

// plainName takes header names that can be written into the file's lists: those
// that a jwtgate configuration takes tokens from, and those that a `when` reads,
// which are anybody's.
var plainName = regexp.MustCompile(`^[a-z0-9._-]+$`)

// Plain reports whether a header name is of the form that [Edit.Tokens] and
// [Edit.Conditions] take.
func Plain(name string) bool { return plainName.MatchString(name) }

// Sent reports whether the shipped file sends jwtgate the header field of that
// name, which is in lower case as Envoy has all names. What is not sent does
// not exist for jwtgate.
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

// SentByName returns the header fields that the shipped file sends jwtgate by
// their whole names: what a credential stands in, and what jwtgate reads of every
// request beside the identity and override headers.
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
			break // the list has ended
		}
		if found != nil {
			items = append(items, sentItem{found[1], found[2]})
		}
	}
	return items
}

// sentPattern is one item of the shipped file's allowed_headers.
var sentPattern = regexp.MustCompile(`^- (?:safe_regex: \{ )?(exact|contains|regex): "([^"]*)"`)

// sent are the changes of what jwtgate is sent. Names are put before the marked
// item, a line each.
func (e Edit) sent() ([]change, error) {
	for _, name := range append(append([]string{}, e.Tokens...), e.Conditions...) {
		if !Plain(name) {
			return nil, fmt.Errorf("headers: %q is not a header name of lower-case letters, digits, dots, dashes and underscores", name)
		}
	}
	var changes []change
	if len(e.Tokens) > 0 {
		// The same mark stands at the list of what is sent and at the expression of
		// what may be taken out.
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
		changes = append(changes, change{mark: "conditions", times: 1, find: item, with: func(found string) string { return before(found, e.Conditions) }})
	}
	return changes, nil
}

// before puts an item of allowed_headers for each name before the one that was
// found.
func before(found string, names []string) string {
	var items strings.Builder
	for _, name := range names {
		fmt.Fprintf(&items, "- exact: %q\n"+listIndent, name)
	}
	return items.String() + found
}
