package policytest

import (
	"fmt"
	"strings"
	"unicode"
)

// shown quotes a value for a message, cut to a length that a line can hold.
func shown(value string) string {
	const most = 80
	if len(value) > most {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(value[:most], ""))
	}
	return fmt.Sprintf("%q", value)
}

// isControl reports whether a character would garble a line of a report.
func isControl(c rune) bool { return !unicode.IsPrint(c) && c != unicode.ReplacementChar }

// oneLine is text that may hold anything, fit for a line of a report.
func oneLine(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	return shown(text)
}
