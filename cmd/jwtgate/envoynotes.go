package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/config"
)

// envoyNotes names the headers that a config has the gate change and that the
// shipped envoy.yaml does not let it: Envoy would answer each request with 500.
func envoyNotes(cfg *config.Config) []string {
	known := append(envoy.IdentityNames(), "authorization", "cookie", "sec-websocket-protocol")
	var names []string
	add := func(name string) {
		if !slices.Contains(known, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, h := range cfg.Identity.Headers {
		add(h.Name)
	}
	for _, name := range slices.Concat(cfg.Identity.Removed, cfg.Identity.Strip) {
		add(name)
	}
	for _, from := range append([][]config.TokenSource{cfg.Tokens.From}, routeSources(cfg)...) {
		for _, source := range from {
			if source.Kind == config.SourceHeader {
				add(source.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"envoy.yaml as it is shipped does not let the gate change %s, and would answer 500: add %s to the lines marked `edit: identity` there",
		strings.Join(names, ", "), spellings(names))}
}

func routeSources(cfg *config.Config) [][]config.TokenSource {
	sources := make([][]config.TokenSource, len(cfg.Routes))
	for i, r := range cfg.Routes {
		sources[i] = r.TokensFrom
	}
	return sources
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
