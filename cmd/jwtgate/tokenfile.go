package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// tokenMistake returns an error if a text is not a token but has one in it: the answer of
// a token endpoint, or a header's value. It never contains the token. source names the
// text.
func tokenMistake(source, text string) error {
	if scheme, _, more := strings.Cut(text, " "); more && strings.EqualFold(scheme, "Bearer") {
		return fmt.Errorf("%s begins with %s; expected the token alone", source, scheme)
	}
	if !strings.ContainsAny(text[:1], `{["`) { // no token begins so
		return nil
	}
	var value any
	_ = json.Unmarshal([]byte(text), &value) // after an error, value is nil and has no paths
	paths := tokenPaths(value, "")
	if len(paths) == 0 {
		return fmt.Errorf("%s is JSON; expected the token alone; hint: write the value of its access_token to a file", source)
	}
	return fmt.Errorf("%s is JSON; expected the token alone; hint: extract it: jq -r '%s'", source, strings.Join(paths, "', or jq -r '"))
}

// tokenPaths returns the paths of the values that look like JWTs, as jq writes them.
func tokenPaths(value any, path string) []string {
	var found []string
	switch value := value.(type) {
	case string:
		if strings.HasPrefix(value, "eyJ") && strings.Count(value, ".") == 2 {
			return []string{cmp.Or(path, ".")}
		}
	case []any:
		for i, item := range value {
			found = append(found, tokenPaths(item, fmt.Sprintf("%s[%d]", cmp.Or(path, "."), i))...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) { // access_token before id_token
			if plainName.MatchString(name) { // jq needs quotes for others, and no provider uses them
				found = append(found, tokenPaths(value[name], path+"."+name)...)
			}
		}
	}
	return found[:min(len(found), 4)]
}

// plainName matches the names of members that jq reads without quotes, and that are too
// short to be a token.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
