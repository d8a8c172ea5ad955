package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/jwtgate/jwtgate/envoy"
)

// fragmentOptions are the options of init for an Envoy configuration that exists.
type fragmentOptions struct {
	Fragment bool   `help:"Print what to add to an existing Envoy configuration, for the configuration of --config; write no file."`
	Platform string `help:"With --fragment, what writes Envoy's configuration: ${enum}." enum:"envoy,envoy-gateway,istio" default:"envoy"`
}

// checkFragment returns an error that names the options that have no effect with --fragment, or
// without it.
func (cmd initCommand) checkFragment() error {
	switch {
	case cmd.Fragment:
	case cmd.Platform != "envoy":
		return errors.New("--platform: expected it only with --fragment; deploy/ in the repository has whole set-ups for platforms")
	case cmd.App == "":
		return errors.New("missing flags: --app=HOST:PORT; see jwtgate init --help")
	default:
		return nil
	}
	for _, one := range []struct {
		flag  string
		given bool
	}{
		{"--provider", cmd.Provider != ""}, {"--cognito", cmd.Cognito != ""}, {"--client-id", len(cmd.ClientID) > 0},
		{"--issuer", cmd.Issuer != ""}, {"--audience", cmd.Audience != ""},
		{"--app", cmd.App != ""}, {"--origin", len(cmd.Origin) > 0}, {"--out", cmd.Out != "."},
		{"--port", cmd.Port != envoy.DefaultPort}, {"--no-compose", cmd.NoCompose},
	} {
		if one.given {
			return fmt.Errorf("--fragment and %s: got both; expected only --config and --platform with --fragment, "+
				"which prints what an existing Envoy configuration lacks and writes no file", one.flag)
		}
	}
	return nil
}

// printFragment prints the pieces.
func (cmd initCommand) printFragment(c console) error {
	var options envoy.InitOptions
	if cmd.Config != "" {
		if _, err := cmd.useExisting(&options, c); err != nil {
			return reportMistakes(c.out, err)
		}
	}
	pieces, err := envoy.Fragment(options.Existing)
	what, lint := "indent each piece as its place requires", "%s ENVOY.yaml"
	if cmd.Platform != "envoy" {
		pieces, err = envoy.PlatformFragment(cmd.Platform, options.Existing, options.Origins)
		what, lint = "each piece is a resource, or a part of one", "%s --platform "+cmd.Platform+" DUMP.json"
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "# What to add to an existing Envoy configuration for jwtgate: %d pieces, each with its place;\n"+
		"# %s. Then look for mistakes:\n"+
		"#   jwtgate lint-envoy --config "+lint+"\n# A walk-through: docs/existing-envoy.md\n",
		len(pieces), what, cmp.Or(cmd.Config, "jwtgate.yaml"))
	for i, piece := range pieces {
		place := fmt.Sprintf("Piece %d of %d, %s. It goes %s", i+1, len(pieces), piece.Title, piece.Where)
		fmt.Fprintf(c.out, "---\n%s\n%s", comment(place), piece.YAML)
	}
	return nil
}

// comment writes a text as lines of a YAML comment.
func comment(text string) string {
	var lines strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 100 {
			lines.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return lines.String() + line + "\n"
}
