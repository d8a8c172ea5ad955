package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/engine"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/terminal"
)

// loadPolicy loads a configuration for a command that does not serve.
func loadPolicy(file string, getenv func(string) (string, bool)) (*gate.Policy, error) {
	source := engine.Source{File: file, Getenv: getenv, Options: gate.CompileOptions{Logger: slog.New(slog.DiscardHandler)}}
	_, policy, err := source.Load()
	return policy, err
}

// reportMistakes prints the mistakes of a configuration, one a line, and their number,
// and returns an error with exit code 1. It returns any other error as it is.
func reportMistakes(w io.Writer, err error) error {
	mistakes, ok := errors.AsType[config.Mistakes](err)
	if !ok {
		return err
	}
	fmt.Fprintf(w, "%v\n%s\n", mistakes, terminal.Count(len(mistakes), "mistake"))
	return reported(exitError{exitNo, err})
}
