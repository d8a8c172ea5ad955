package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/terminal"
)

// source is where a configuration is read from, and how it is compiled.
type source struct {
	file    string // empty: the environment
	getenv  func(string) (string, bool)
	options gate.CompileOptions
	compile func(*config.Config, gate.CompileOptions) (*gate.Policy, error) // nil: gate.Compile
	// further returns the mistakes of what a policy does not have.
	further func(*config.Config) config.Mistakes
}

// load reads a configuration and compiles it, once, so that every mistake is known
// together. Mistakes come as config.Mistakes, marked as an answer, and beside them
// the configuration, as far as it could be read.
func (s source) load() (*config.Config, *gate.Policy, error) {
	cfg, err := s.parse()
	if _, wrong := errors.AsType[config.Mistakes](err); err != nil && !wrong || cfg == nil {
		return cfg, nil, markMistakes(err)
	}
	compile := s.compile
	if compile == nil {
		compile = gate.Compile
	}
	policy, atPolicy := compile(cfg, s.options)
	all := []error{err, atPolicy}
	if s.further != nil {
		all = append(all, s.further(cfg))
	}
	if err = config.Together(all...); err == nil {
		return cfg, policy, nil
	}
	if policy != nil {
		policy.Close()
	}
	return cfg, nil, markMistakes(err)
}

func (s source) parse() (*config.Config, error) {
	if s.file == "" {
		return config.FromEnvironment(s.getenv)
	}
	return config.Load(s.file, s.getenv)
}

// markMistakes marks mistakes as an answer.
func markMistakes(err error) error {
	var mistakes config.Mistakes
	if errors.As(err, &mistakes) {
		return answerNo{mistakes.Sorted()}
	}
	return err
}

// loadPolicy loads a configuration for a command that serves nothing.
func loadPolicy(file string, getenv func(string) (string, bool)) (*gate.Policy, error) {
	_, policy, err := source{file: file, getenv: getenv, options: gate.CompileOptions{Logger: slog.New(slog.DiscardHandler)}}.load()
	return policy, err
}

// tellMistakes prints the mistakes of a config, one a line, and how many there
// are. Another error it returns as it is.
func tellMistakes(w io.Writer, err error) error {
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) {
		return err
	}
	fmt.Fprintf(w, "%v\n%s\n", mistakes, terminal.Count(len(mistakes), "mistake"))
	return told{err}
}
