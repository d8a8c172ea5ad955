package envoy

import (
	"fmt"
	"slices"
	"strings"
)

// everyHost ends a note about a relaxation that only some hosts have: Envoy's
// settings are those of a whole listener. %s is what jwtgate does on other hosts.
const everyHost = "; this opens Envoy for every host of this listener; on other hosts jwtgate still %s"

// Notes says what to change in the shipped envoy.yaml for these needs, and what
// happens otherwise: Envoy rejects what jwtgate answers, does not send jwtgate what it
// decides by, or undoes what the configuration relaxes. Each note is one sentence.
func (n Needs) Notes() []string {
	edit := n.Edit()
	notes := slices.Concat(n.headerNotes(edit), n.limitNotes(edit), n.relaxedNotes(edit))
	for i, note := range notes {
		notes[i] = "if your envoy.yaml is the shipped one: it " + note + "; `jwtgate lint-envoy` tells whether yours needs this"
	}
	return notes
}

// headerNotes are the notes about the headers that Envoy sends and accepts.
func (n Needs) headerNotes(edit Edit) []string {
	var notes []string
	if edit.Identity != nil {
		names := without(edit.Identity, IdentityNames())
		notes = append(notes, fmt.Sprintf("does not allow jwtgate to change %s, so Envoy would answer 500: "+
			"add %s to the lines marked `edit: identity`", strings.Join(names, ", "), everySpelling(names)))
	}
	if names := edit.Tokens; len(names) > 0 {
		notes = append(notes, fmt.Sprintf("does not send %s to jwtgate, which would not find a token there: "+
			"add %s to the list marked `edit: tokens`, and |%s to the expression with the same mark",
			strings.Join(names, ", "), listItems(names), strings.Join(names, "|")))
	}
	if names := edit.Conditions; len(names) > 0 {
		notes = append(notes, fmt.Sprintf("does not send %s to jwtgate, so a `when` would never find it: "+
			"add %s to the list marked `edit: conditions`", strings.Join(names, ", "), listItems(names)))
	}
	if edit.SendAll {
		notes = append(notes, "sends jwtgate only the headers on its list, "+
			"and a `when` computes the header names that it reads: add the names that it can read to the list marked `edit: conditions`, "+
			`or - safe_regex: { regex: ".*" } to send all headers`)
	}
	return notes
}

// limitNotes are the notes about headers that are too long, or whose name Envoy
// drops.
func (n Needs) limitNotes(edit Edit) []string {
	var notes []string
	if edit.HeaderKB != 0 {
		fix := "lower tokens.max_bytes or identity.max_total_bytes"
		if n.HeadersFit() {
			fix += fmt.Sprintf(", or write max_request_headers_kb: %d on the line marked `edit: request_headers`", n.HeaderKB())
		}
		notes = append(notes, fmt.Sprintf("accepts 60 KiB of request headers. "+
			"A token (tokens.max_bytes) and its identity headers (identity.max_total_bytes) can take %d bytes of them, "+
			"and a request that exceeds the limit gets status 500: %s", n.HeaderBytes, fix))
	}
	if names := n.Underscored(); len(names) > 0 {
		notes = append(notes, fmt.Sprintf("drops %s, because it drops every header with an underscore in its name, "+
			"so a `when` would never find it: use a name with dashes", strings.Join(names, ", ")))
	}
	return notes
}

// relaxedNotes are the notes about relaxations that the shipped envoy.yaml undoes.
func (n Needs) relaxedNotes(edit Edit) []string {
	var notes []string
	add := func(everywhere bool, otherwise, format string, args ...any) {
		note := fmt.Sprintf(format, args...)
		if !everywhere {
			note += fmt.Sprintf(everyHost, otherwise)
		}
		notes = append(notes, note)
	}
	if edit.EncodedSlash {
		add(n.EncodedSlashEverywhere, "denies them", "answers 400 to paths with %%2F before it asks jwtgate, "+
			"so `relax: encoded_slash` has no effect: write %s on the line marked `edit: encoded_slash`", EscapedKept)
	}
	if edit.DoubleSlash {
		add(n.DoubleSlashEverywhere, "denies them", "replaces // in a path by / before it asks jwtgate, "+
			"so `relax: double_slash` has no effect: write %s on the line marked `edit: double_slash`", SlashesKept)
	}
	if edit.Overrides != nil {
		names := n.LetThrough()
		everywhere := len(names) == len(n.LetThroughEverywhere())
		add(everywhere, "removes them", "removes %s from every request, so `relax` has no effect for them: %s%s",
			strings.Join(names, ", "), removalFix("overrides", edit.Overrides), underscoreWarning(names))
	}
	if n.PassesPreflights {
		add(true, "", "answers the preflights of the origins on the line marked `edit: origins`, so `cors.preflight: pass` has no effect for "+
			"them: leave that list empty")
	}
	if edit.TrailerOverrides != nil {
		add(true, "", "also removes %s from trailers, although jwtgate lets them through on every host: %s",
			strings.Join(n.LetThroughEverywhere(), ", "), removalFix("trailer_overrides", edit.TrailerOverrides))
	}
	return notes
}

// removalFix says what to write on the marked line that removes override headers, so
// that it removes only these.
func removalFix(mark string, names []string) string {
	item, err := Removal(names)
	if err != nil || len(names) == 0 {
		return fmt.Sprintf("delete the line marked `edit: %s`", mark)
	}
	return fmt.Sprintf("write %s on the line marked `edit: %s`", item, mark)
}

// underscoreWarning warns of headers that applications know by a name with an
// underscore: Envoy drops all such names.
func underscoreWarning(names []string) string {
	if !slices.Contains(names, "script-name") {
		return ""
	}
	return " (Envoy still drops names with an underscore: clients have to send Script-Name and Path-Info, not SCRIPT_NAME and PATH_INFO)"
}

// listItems writes names as items of the list of headers that Envoy sends.
func listItems(names []string) string {
	items := make([]string, len(names))
	for i, name := range names {
		items[i] = fmt.Sprintf("- exact: %q", name)
	}
	return strings.Join(items, " and ")
}
