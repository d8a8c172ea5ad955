package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/terminal"
)

// loadConfig reads a config file, or the environment when no file is named, and
// compiles it, so that every mistake is known together. Mistakes come as
// config.Mistakes, marked as an answer.
func loadConfig(file string, getenv func(string) (string, bool)) (*config.Config, error) {
	cfg, err := tryConfig(file, getenv)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// tryConfig is loadConfig, but that a config with mistakes comes back beside
// them, as far as it could be read.
func tryConfig(file string, getenv func(string) (string, bool)) (*config.Config, error) {
	cfg, err := readConfig(file, getenv)
	var mistakes config.Mistakes
	if err != nil && !errors.As(err, &mistakes) {
		return cfg, err
	}
	if cfg != nil {
		err := gate.Check(cfg)
		var more config.Mistakes
		if err != nil && !errors.As(err, &more) && len(mistakes) == 0 {
			return cfg, err
		}
		mistakes = append(mistakes, more...)
	}
	if len(mistakes) > 0 {
		return cfg, answerNo{mistakes.Sorted()}
	}
	return cfg, nil
}

func readConfig(file string, getenv func(string) (string, bool)) (*config.Config, error) {
	if file == "" {
		return config.FromEnvironment(getenv)
	}
	return config.Load(file, getenv)
}

// loadServed is loadConfig for a server's own config, whose certificates have to
// be there as well.
func loadServed(file string, getenv func(string) (string, bool)) (*config.Config, error) {
	cfg, err := tryConfig(file, getenv)
	var mistakes config.Mistakes
	if err != nil && !errors.As(err, &mistakes) || cfg == nil {
		return nil, err
	}
	if mistakes = append(mistakes, certificateMistakes(cfg)...); len(mistakes) > 0 {
		return nil, answerNo{mistakes.Sorted()}
	}
	return cfg, nil
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
