package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jwtgate/jwtgate/internal/envoylint"
	"github.com/jwtgate/jwtgate/internal/envoyneeds"
)

type lintEnvoyCommand struct {
	Config   string `required:"" help:"The configuration that Envoy has to fit." placeholder:"FILE" env:"JWTGATE_CONFIG"`
	Platform string `help:"Who writes Envoy's configuration: ${enum}." enum:"envoy,envoy-gateway,istio" default:"envoy"`
	File     string `arg:"" help:"Envoy's bootstrap, or what it answers at /config_dump; - is standard input." placeholder:"ENVOY.yaml"`
}

// Help is the command's longer help.
func (lintEnvoyCommand) Help() string {
	return `Names each setting that lets something hostile through or refuses proper requests, with its place, why it matters and what to write instead. With --platform it names the platform's own field; what the platform cannot set is a note. A finding is three lines on a terminal, and one elsewhere. Every rule: docs/lint-envoy.md

Examples:
  jwtgate lint-envoy --config jwtgate.yaml envoy.yaml
  curl -s http://127.0.0.1:9901/config_dump | jwtgate lint-envoy --config jwtgate.yaml -`
}

// Run lints.
func (cmd lintEnvoyCommand) Run(c console) error {
	policy, err := loadPolicy(cmd.Config, c.getenv)
	if err != nil {
		return reportMistakes(c.out, err)
	}
	defer policy.Close()
	data, err := readEnvoyFile(cmd.File, c.in)
	if err != nil {
		return err
	}
	report, err := envoylint.Lint(cmd.File, data, envoyneeds.Of(policy), envoylint.Platform(cmd.Platform))
	if err != nil {
		return err
	}
	if err := report.WriteText(c.out, envoylint.Layout{Terminal: isTerminal(c.out), Color: colored(c.out, c.getenv)}); err != nil {
		return err
	}
	if report.Failed() {
		return reported(exitError{exitNo, errors.New("something was found")})
	}
	return nil
}

// readEnvoyFile reads up to a byte more than a file may have.
func readEnvoyFile(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the Envoy file: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, envoylint.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the Envoy file: %w", err)
	}
	return data, nil
}
