package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

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

// open opens a file, or standard input for the name -.
func (c console) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.in), nil
	}
	return os.Open(name)
}

// read reads at most limit bytes of what open opens.
func (c console) read(name string, limit int64) ([]byte, error) {
	file, err := c.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
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
