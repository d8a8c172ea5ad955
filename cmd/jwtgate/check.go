package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/engine"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
	"github.com/jwtgate/jwtgate/internal/server"
	"github.com/jwtgate/jwtgate/internal/terminal"
)

type checkCommand struct {
	Config string `help:"The configuration to validate." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	File   string `arg:"" optional:"" help:"The configuration to validate; the same as --config."`

	Resolved bool `help:"Print the configuration with what the issuers have from their providers and by default."`
}

// Help is the command's longer help.
func (checkCommand) Help() string {
	return `Prints every mistake as FILE:LINE:COL with a hint, and then warnings. It starts nothing and fetches nothing. ` +
		`With --resolved it prints the valid configuration with every key of the issuers, and the rest on standard error.

Examples:
  jwtgate check --config jwtgate.yaml
  jwtgate check --config jwtgate.yaml --resolved`
}

// Run validates the configuration and prints the result.
func (cmd checkCommand) Run(c console, parsed *kong.Context) error {
	if cmd.File != "" && len(given(parsed, "config")) > 0 {
		return fmt.Errorf("got two configurations, --config %s and %s; expected one; see jwtgate check --help", cmd.Config, cmd.File)
	}
	file := cmp.Or(cmd.File, cmd.Config)
	if file == "" {
		return errors.New("missing configuration; write jwtgate check --config FILE, or set JWTGATE_CONFIG; see jwtgate check --help")
	}
	cfg, policy, err := engine.Source{File: file, Getenv: c.getenv, Compile: c.compile, Validate: server.CheckCertificates}.Load()
	if err != nil {
		return reportMistakes(c.out, err)
	}
	defer policy.Close()
	if cmd.Resolved {
		text, err := config.Resolved(file, c.getenv)
		if err != nil {
			return reportMistakes(c.out, err)
		}
		fmt.Fprintf(c.out, "%s", text)
		c.out = c.err
	}
	for _, warning := range slices.Concat(cfg.Warnings, policy.Warnings()) {
		fmt.Fprintf(c.out, "%s: warning: %s\n", warning.Pos, warning.Text)
	}
	for _, note := range envoyneeds.Of(policy).Notes() {
		fmt.Fprintf(c.out, "%s: warning: %s\n", file, note)
	}
	fmt.Fprintf(c.out, "%s: valid (%s, %s, default %s)\n",
		file, terminal.Count(len(cfg.Issuers), "issuer"), terminal.Count(len(cfg.Routes), "route"), cfg.Default)
	return nil
}
