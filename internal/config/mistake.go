package config

import (
	"errors"
	"fmt"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Pos is a position in a configuration file. The zero Pos is unknown.
type Pos = yamlform.Pos

// Mistake is one mistake in a configuration.
type Mistake = yamlform.Mistake

// Mistakes is all mistakes in a configuration. It is never empty when it is returned
// as an error.
type Mistakes = yamlform.Mistakes

// unless returns "" if a text is valid, and otherwise what is wrong with it, followed
// by the text and the expected value.
func unless(valid bool, problem, text, expected string) string {
	if valid {
		return ""
	}
	return fmt.Sprintf("%s: got %s; expected %s", problem, yamlform.Quote(text), expected)
}

// Together returns the mistakes of several errors as one [Mistakes], ordered by
// position. If no error is of that type, it returns the first error, or nil if all are
// nil.
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
		return all.Sorted()
	}
	return first
}

// Mistake returns a mistake in the value at path, such as `routes[2].match`. If the
// file has no such value, the position is that of its nearest parent. Packages that
// interpret values of a configuration use it to report mistakes in them.
func (c *Config) Mistake(path, format string, args ...any) Mistake {
	return c.positions().Mistake(path, format, args...)
}

// MistakeWithin returns a mistake at a position inside the condition at path. Its text
// begins with the path. Line counts from 1 and column from 0, in characters of the
// condition. If the condition is in quotes or has several lines, the mistake has the
// position of its beginning, and the text names the line and column.
func (c *Config) MistakeWithin(path string, line, column int, format string, args ...any) Mistake {
	return c.positions().MistakeWithin(path, "condition", line, column, format, args...)
}

// At returns the position of the value at path, or of its nearest parent that the file
// has.
func (c *Config) At(path string) Pos { return c.positions().At(path) }

// positions returns the positions of values. A configuration without a file has none.
func (c *Config) positions() *yamlform.Places {
	if c.places == nil {
		return yamlform.NewPlaces(c.Source)
	}
	return c.places
}
