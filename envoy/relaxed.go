package envoy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// EscapedKept is the setting that keeps %2F in a path, as in a rendered file.
const EscapedKept = "path_with_escaped_slashes_action: KEEP_UNCHANGED"

// SlashesKept is the setting that keeps // in a path, as in a rendered file.
const SlashesKept = "merge_slashes: false"

// The same settings in the shipped file.
const (
	escapedRejected = "path_with_escaped_slashes_action: REJECT_REQUEST"
	slashesMerged   = "merge_slashes: true"
)

// relaxed returns the changes for what jwtgate relaxes.
func (e Edit) relaxed() ([]change, error) {
	var changes []change
	if e.EncodedSlash {
		changes = append(changes, change{mark: "encoded_slash", times: 1, find: regexp.MustCompile(escapedRejected), with: always(EscapedKept)})
	}
	if e.DoubleSlash {
		changes = append(changes, change{mark: "double_slash", times: 1, find: regexp.MustCompile(slashesMerged), with: always(SlashesKept)})
	}
	var faults []error
	for _, one := range []struct {
		mark  string
		names []string
	}{{"overrides", e.Overrides}, {"trailer_overrides", e.TrailerOverrides}} {
		if one.names == nil {
			continue
		}
		item, err := Removal(one.names)
		faults = append(faults, err)
		changes = append(changes, change{mark: one.mark, times: 1, find: removalItem, with: always(item)})
	}
	return changes, errors.Join(faults...)
}

// removalItem matches an item of a list of mutations, as [Removal] writes it.
var removalItem = regexp.MustCompile(
	`- remove_on_match: \{ key_matcher: \{ safe_regex: \{ regex: "[^"]*" \} \} \}|` + regexp.QuoteMeta(nothingRemoved),
)

// nothingRemoved replaces an item that would remove no header.
const nothingRemoved = "# no override header is removed here"

// Removal returns the item of a list of mutations that removes override headers in every
// spelling, as in the shipped file; for an empty list, a comment. A name that is not one
// of [OverrideNames] is an error.
func Removal(names []string) (string, error) {
	for _, name := range names {
		if !slices.Contains(OverrideNames(), name) {
			return "", fmt.Errorf("overrides: got %q; expected an override header, such as x-http-method-override", name)
		}
	}
	if len(names) == 0 {
		return nothingRemoved, nil
	}
	pattern, err := namePattern(names)
	return fmt.Sprintf(`- remove_on_match: { key_matcher: { safe_regex: { regex: "%s" } } }`, pattern), err
}
