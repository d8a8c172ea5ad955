package main

import (
	"io"
	"os"
)

// colored reports whether out is a terminal, and neither NO_COLOR (any value except the
// empty one) nor TERM=dumb asks for plain text.
func colored(out io.Writer, getenv func(string) (string, bool)) bool {
	if value, _ := getenv("NO_COLOR"); value != "" {
		return false
	}
	if term, _ := getenv("TERM"); term == "dumb" {
		return false
	}
	return isTerminal(out)
}

// isTerminal reports whether out is a terminal.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
