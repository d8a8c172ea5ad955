package config

import (
	"errors"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Pos is a place in a configuration file; the zero Pos is no place at all (the
// environment has none).
type Pos = yamlform.Pos

// Mistake is one thing wrong with a configuration: where, and what to write
// instead.
type Mistake = yamlform.Mistake

// Mistakes is everything wrong with a configuration, never empty when it is
// returned as an error.
type Mistakes = yamlform.Mistakes

// Together returns the mistakes of several errors as one [Mistakes]. If there are
// none, it returns the first of the errors; nil if all are.
func Together(errs ...error) error {
	var all Mistakes
	var first error
	for _, err := range errs {
		var mistakes Mistakes
		if errors.As(err, &mistakes) {
			all = append(all, mistakes...)
		} else if first == nil {
			first = err
		}
	}
	if len(all) > 0 {
		return all
	}
	return first
}

// Mistake makes a mistake at the value that path names (`routes[2].match`), or
// at its nearest parent that the file has. It is how the packages that give
// config values their meaning report what is wrong with one.
func (c *Config) Mistake(path, format string, args ...any) Mistake {
	return c.positions().Mistake(path, format, args...)
}

// MistakeWithin makes a mistake at a place inside the condition that path names;
// the path begins its text. Line counts from 1 and column from 0, in characters
// of the condition. In a condition in quotes or over several lines the mistake is
// at its beginning, and says the place in words.
func (c *Config) MistakeWithin(path string, line, column int, format string, args ...any) Mistake {
	return c.positions().MistakeWithin(path, "condition", line, column, format, args...)
}

// At returns the place of the value that path names, or of its nearest parent
// that the file has.
func (c *Config) At(path string) Pos { return c.positions().At(path) }

// where is where the values of c are: a configuration without a file has only
// its source.
func (c *Config) positions() *yamlform.Places {
	if c.places == nil {
		return yamlform.NewPlaces(c.Source)
	}
	return c.places
}
