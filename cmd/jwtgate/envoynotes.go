package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/identity"
	"github.com/jwtgate/jwtgate/internal/route"
)

// envoyEdit says what of the shipped envoy.yaml has to differ for a config
// without mistakes: which headers Envoy lets the gate see and change. The zero
// value: nothing.
func envoyEdit(cfg *config.Config) envoy.Edit {
	var edit envoy.Edit
	if more := newIdentity(cfg.Identity); len(more) > 0 {
		edit.Identity = append(envoy.IdentityNames(), more...)
	}
	edit.Tokens = notSent(tokenHeaders(cfg))
	read, all := conditionHeaders(cfg)
	edit.Conditions = slices.DeleteFunc(notSent(read), func(name string) bool {
		if envoy.Plain(name) {
			return slices.Contains(edit.Tokens, name)
		}
		// A name that no list of Envoy's can hold. One with capitals is never
		// there, whatever Envoy sends.
		all = all || name == strings.ToLower(name)
		return true
	})
	edit.SendAll = all
	return edit
}

// identityNames returns the header names that the gate sets or strips, except
// override headers, which the gate removes whether they are listed or not.
func identityNames(section config.Identity) []string {
	names := make([]string, 0, len(section.Headers))
	for _, header := range section.Headers {
		names = append(names, header.Name)
	}
	return slices.DeleteFunc(slices.Concat(names, section.Removed, section.Strip), identity.Overrides)
}

// newIdentity returns those of them that the shipped envoy.yaml does not have.
func newIdentity(section config.Identity) []string {
	return slices.DeleteFunc(identityNames(section), func(name string) bool { return slices.Contains(envoy.IdentityNames(), name) })
}

// tokenHeaders returns the header fields that tokens are taken from, by name.
func tokenHeaders(cfg *config.Config) []string {
	var names []string
	for _, from := range append([][]config.TokenSource{cfg.Tokens.From}, routeSources(cfg)...) {
		for _, source := range from {
			if source.Kind == config.SourceHeader && !slices.Contains(names, source.Name) {
				names = append(names, source.Name)
			}
		}
	}
	return names
}

func routeSources(cfg *config.Config) [][]config.TokenSource {
	sources := make([][]config.TokenSource, len(cfg.Routes))
	for i, r := range cfg.Routes {
		sources[i] = r.TokensFrom
	}
	return sources
}

// conditionHeaders returns the header fields that the routes' conditions read.
func conditionHeaders(cfg *config.Config) (names []string, all bool) {
	conditional := func(r config.Route) bool { return r.Requirement.When != "" }
	if !slices.ContainsFunc(cfg.Routes, conditional) {
		return nil, false // there is nothing to compile
	}
	table, err := route.New(cfg)
	if err != nil {
		return nil, false // its mistakes are told elsewhere
	}
	return table.HeadersRead()
}

// notSent returns the names that the shipped envoy.yaml does not send the gate.
func notSent(names []string) []string { return slices.DeleteFunc(names, envoy.Sent) }

// envoyNotes says what in envoy.yaml, as it is shipped, a config needs
// otherwise, and what happens without: Envoy would refuse what the gate
// answers, or keep from the gate what it is to decide by.
func envoyNotes(cfg *config.Config) []string {
	edit := envoyEdit(cfg)
	var notes []string
	if edit.Identity != nil {
		names := newIdentity(cfg.Identity)
		notes = append(notes, fmt.Sprintf(
			"envoy.yaml as it is shipped does not let the gate change %s, and would answer 500: add %s to the lines marked `edit: identity` there",
			strings.Join(names, ", "), spellings(names)))
	}
	if names := edit.Tokens; len(names) > 0 {
		notes = append(notes, fmt.Sprintf(
			"envoy.yaml as it is shipped does not send the gate %s, and a token there would be no token: add %s to the list that is marked `edit: tokens` there, and |%s to the expression that is marked so",
			strings.Join(names, ", "), items(names), strings.Join(names, "|")))
	}
	if names := edit.Conditions; len(names) > 0 {
		notes = append(notes, fmt.Sprintf(
			"envoy.yaml as it is shipped does not send the gate %s, which a `when` reads and would never find: add %s to the list that is marked `edit: conditions` there",
			strings.Join(names, ", "), items(names)))
	}
	if edit.SendAll {
		notes = append(notes, "envoy.yaml as it is shipped sends the gate a list of headers, and a `when` reads request.headers by names that cannot be told beforehand: "+
			"add those that it may look at to the list that is marked `edit: conditions` there, or - safe_regex: { regex: \".*\" } for all")
	}
	if note := headerLimitNote(cfg); note != "" {
		notes = append(notes, note)
	}
	return notes
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
