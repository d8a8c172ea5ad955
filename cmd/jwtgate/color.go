package main

import (
	"io"
	"os"
)

// colored says whether out is a terminal whose user has not asked for plain
// text: by NO_COLOR (any value but the empty one) or TERM=dumb.
func colored(out io.Writer, getenv func(string) (string, bool)) bool {
	if value, _ := getenv("NO_COLOR"); value != "" {
		return false
	}
	if term, _ := getenv("TERM"); term == "dumb" {
		return false
	}
	return isTerminal(out)
}

// isTerminal says whether a person reads out as it is written.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
