package token

import (
	"encoding/json"
	"strings"

	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// shape returns the JSON form of a claim for a message. It shows no part of the value.
func shape(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		if v == "" {
			return "an empty string"
		}
		return "a string"
	case bool:
		return "a boolean"
	case json.Number:
		if strings.HasPrefix(v.String(), "-") {
			return "a negative number"
		}
		return "a number"
	case []any:
		if len(v) == 0 {
			return "an empty array"
		}
		if _, ok := stringList(v); ok {
			return "an array of strings"
		}
		return "an array with an item that is not a string"
	}
	return "an object"
}

// memberShape is [shape] for a member of which only its text was built.
func memberShape(m strictjson.Member) string {
	switch m.First {
	case 0:
		return "missing"
	case '"':
		return shape(m.Text)
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return shape(nil)
	case '-':
		return "a negative number"
	}
	return "a number"
}

// describe says that the claim at the path is missing, or which JSON form it has.
func (p claimPath) describe(claims map[string]any) string {
	value, present := p.find(claims)
	if !present {
		return p.name() + " is missing"
	}
	return p.name() + " is " + shape(value)
}

// describeAll describes the claims at paths, those that are missing together and last.
func describeAll(paths []claimPath, claims map[string]any) string {
	var found, missing []string
	for _, p := range paths {
		if _, present := p.find(claims); present {
			found = append(found, p.describe(claims))
		} else {
			missing = append(missing, p.name())
		}
	}
	switch last := len(missing) - 1; {
	case last == 0:
		found = append(found, missing[0]+" is missing")
	case last > 0:
		found = append(found, strings.Join(missing[:last], ", ")+" and "+missing[last]+" are missing")
	}
	return strings.Join(found, ", ")
}

// name is the path for a message: as it is if it is short and plain, else quoted.
func (p claimPath) name() string {
	text := p[0]
	if len(p) > 1 {
		text = "/" + strings.Join(p, "/")
	}
	plain := func(r rune) bool { return r > ' ' && r < 0x7f && r != '"' && r != '\\' && r != ';' && r != ',' }
	if text == "" || len(text) > quote.Max || strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return quote.Text(text)
	}
	return text
}

// names joins the names of paths for a hint.
func names(paths []claimPath) string {
	list := make([]string, len(paths))
	for n, p := range paths {
		list[n] = p.name()
	}
	return strings.Join(list, " or ")
}
