package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
)

// everyHost is what follows where only some hosts relax something, since Envoy's
// settings are those of one listener: what jwtgate still does on the others.
const everyHost = "; this opens Envoy for every host of this listener; jwtgate still %s on the others"

// envoyNotes says what has to differ in envoy.yaml, as it is shipped, for what a
// configuration needs, and what happens without: Envoy would refuse what the gate
// answers, keep from the gate what it is to decide by, or undo what it relaxes.
func envoyNotes(needs envoy.Needs) []string {
	edit := needs.Edit()
	var notes []string
	if edit.Identity != nil {
		names := slices.DeleteFunc(slices.Clone(edit.Identity), func(name string) bool { return slices.Contains(envoy.IdentityNames(), name) })
		notes = append(notes, fmt.Sprintf(
			"envoy.yaml as it is shipped does not let the gate change %s, and would answer 500: add %s to the lines marked `edit: identity` there",
			strings.Join(names, ", "), spellings(names)))
	}
	if names := edit.Tokens; len(names) > 0 {
		notes = append(notes, fmt.Sprintf(
			"envoy.yaml as it is shipped does not send the gate %s, and a token there would be no token: "+
				"add %s to the list that is marked `edit: tokens` there, and |%s to the expression that is marked so",
			strings.Join(names, ", "), items(names), strings.Join(names, "|")))
	}
	if names := edit.Conditions; len(names) > 0 {
		notes = append(notes, fmt.Sprintf(
			"envoy.yaml as it is shipped does not send the gate %s, which a `when` reads and would never find: "+
				"add %s to the list that is marked `edit: conditions` there",
			strings.Join(names, ", "), items(names)))
	}
	if edit.SendAll {
		notes = append(notes, "envoy.yaml as it is shipped sends the gate a list of headers, "+
			"and a `when` reads request.headers by names that cannot be told beforehand: add those that it may look at to the list that is marked `edit: conditions` there, or - safe_regex: { regex: \".*\" } for all")
	}
	if edit.HeaderKB != 0 {
		notes = append(notes, headerLimitNote(needs))
	}
	if names := needs.Underscored(); len(names) > 0 {
		notes = append(notes, fmt.Sprintf("envoy.yaml as it is shipped drops %s, as it does every header with an underscore in its name, "+
			"and a `when` that reads it would never find it: use a name with dashes", strings.Join(names, ", ")))
	}
	return append(notes, relaxedNotes(needs, edit)...)
}

// headerLimitNote says what to change when a token and its identity headers, as large
// as a config allows them to be, do not leave enough of Envoy's limit for the other
// headers of a request.
func headerLimitNote(needs envoy.Needs) string {
	fix := "lower tokens.max_bytes or identity.max_total_bytes"
	if needs.HeadersFit() {
		fix += fmt.Sprintf(", or write max_request_headers_kb: %d on the line marked `edit: request_headers` there", needs.HeaderKB())
	}
	return fmt.Sprintf("envoy.yaml as it is shipped accepts 60 KiB of request headers. "+
		"A token (tokens.max_bytes) and its identity headers (identity.max_total_bytes) can take %d bytes of them, "+
		"and a request that exceeds the limit gets status 500: %s", needs.HeaderBytes, fix)
}

// relaxedNotes says what of the shipped envoy.yaml undoes a relaxation.
func relaxedNotes(needs envoy.Needs, edit envoy.Edit) []string {
	var notes []string
	add := func(everywhere bool, otherwise, format string, args ...any) {
		note := "envoy.yaml as it is shipped " + fmt.Sprintf(format, args...)
		if !everywhere {
			note += fmt.Sprintf(everyHost, otherwise)
		}
		notes = append(notes, note)
	}
	if edit.EncodedSlash {
		add(needs.EncodedSlashEverywhere, "refuses it", "answers 400 to %%2F in a path before it asks the gate, "+
			"so that `relax: encoded_slash` has no effect: write %s on the line marked `edit: encoded_slash` there", envoy.EscapedKept)
	}
	if edit.DoubleSlash {
		add(needs.DoubleSlashEverywhere, "refuses it", "makes // in a path one slash before it asks the gate, "+
			"so that `relax: double_slash` has no effect: write %s on the line marked `edit: double_slash` there", envoy.SlashesKept)
	}
	if edit.Overrides != nil {
		names := needs.LetThrough()
		everywhere := len(names) == len(needs.LetThroughEverywhere())
		add(everywhere, "removes them", "removes %s from every request, so that `relax` for them has no effect: %s%s",
			strings.Join(names, ", "), replaced("overrides", edit.Overrides), droppedAnyway(names))
	}
	if needs.PassesPreflights {
		add(true, "", "answers the preflights of the origins that it lists, so that `cors.preflight: pass` has no effect for them: "+
			"write [] in place of the list on the line marked `edit: origins` there")
	}
	if edit.TrailerOverrides != nil {
		add(true, "", "removes %s from trailers too, where the gate lets them through on every host: %s",
			strings.Join(needs.LetThroughEverywhere(), ", "), replaced("trailer_overrides", edit.TrailerOverrides))
	}
	return notes
}

// replaced says what to write on the line of a mark that removes override headers.
func replaced(mark string, names []string) string {
	item, err := envoy.Removal(names)
	if err != nil || len(names) == 0 {
		return fmt.Sprintf("delete the line marked `edit: %s` there", mark)
	}
	return fmt.Sprintf("write %s on the line marked `edit: %s` there", item, mark)
}

// droppedAnyway warns of names that applications spell with an underscore, which
// Envoy drops whatever they are.
func droppedAnyway(names []string) string {
	if !slices.Contains(names, "script-name") {
		return ""
	}
	return " (Envoy still drops names with an underscore: clients have to send Script-Name and Path-Info, not SCRIPT_NAME and PATH_INFO)"
}

// items writes names as the items of envoy.yaml's list.
func items(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = fmt.Sprintf("- exact: %q", name)
	}
	return strings.Join(all, " and ")
}

// spellings writes names as the regular expressions of envoy.yaml have them: in
// every spelling that a server may fold into the name.
func spellings(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strings.ReplaceAll(name, "-", "[^a-z0-9]")
	}
	return strings.Join(all, "|")
}
