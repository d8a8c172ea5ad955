package main

import (
	"errors"
	"fmt"

	"github.com/jwtgate/jwtgate/internal/envoylint"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
)

type lintEnvoyCommand struct {
	Config   string `required:"" help:"The configuration of the jwtgate behind this Envoy." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	Platform string `help:"The program that writes Envoy's configuration: ${enum}." enum:"envoy,envoy-gateway,istio" default:"envoy"`
	Version  string `name:"envoy-version" help:"The version of this Envoy, such as 1.38.4; a /config_dump has it." placeholder:"VERSION"`
	File     string `arg:"" help:"Envoy's bootstrap file, or its response at /config_dump; - for standard input." placeholder:"ENVOY.yaml"`
}

// Help is the command's longer help.
func (lintEnvoyCommand) Help() string {
	return `Reports each setting that lets a hostile request through or rejects a valid one, with its place, the reason and a fix. ` +
		`With --platform, it names the platform's own field; a setting that the platform does not support is a note. ` +
		`Rules about releases of Envoy need its version, from the dump or --envoy-version. ` +
		`On a terminal a finding takes three lines, and elsewhere one. All rules: docs/lint-envoy.md

Examples:
  jwtgate lint-envoy --config jwtgate.yaml envoy.yaml
  curl -s http://127.0.0.1:9901/config_dump | jwtgate lint-envoy --config jwtgate.yaml -`
}

// Run lints the file.
func (cmd lintEnvoyCommand) Run(c console) error {
	var version envoylint.Version
	if cmd.Version != "" {
		var err error
		if version, err = envoylint.ParseVersion(cmd.Version); err != nil {
			return fmt.Errorf("--envoy-version: %w", err)
		}
	}
	policy, err := loadPolicy(cmd.Config, c.getenv)
	if err != nil {
		return reportMistakes(c.out, err)
	}
	defer policy.Close()
	data, err := c.read(cmd.File, envoylint.MaxBytes+1) // Read rejects a longer file
	if err != nil {
		return fmt.Errorf("reading the Envoy file: %w", err)
	}
	file, err := envoylint.Read(cmd.File, data)
	if err != nil {
		return err
	}
	report, err := file.Lint(envoyneeds.Of(policy), envoylint.Platform(cmd.Platform), version)
	if err != nil {
		return err
	}
	if err := report.WriteText(c.out, envoylint.Layout{Terminal: isTerminal(c.out), Color: colored(c.out, c.getenv)}); err != nil {
		return err
	}
	if report.Failed() {
		return reported(exitError{exitNo, errors.New("there are findings")})
	}
	return nil
}
