// Package terminal formats text for people: colours, and counts of things.
//
// Invariants:
//
//  1. Without colours, text is not changed (TestPaint).
package terminal

import "fmt"

// Color is a colour or another text style of a terminal (ECMA-48 SGR).
type Color string

// The colours.
const (
	Bold   Color = "\x1b[1m"
	Dim    Color = "\x1b[2m"
	Red    Color = "\x1b[31m"
	Green  Color = "\x1b[32m"
	Yellow Color = "\x1b[33m"
)

// plain resets the colour and style.
const plain = "\x1b[0m"

// Palette is whether to use colours. The zero value uses none.
type Palette bool

// Paint returns the text in a colour if the palette uses colours.
func (p Palette) Paint(color Color, text string) string {
	if !p || text == "" || color == "" {
		return text
	}
	return string(color) + text + plain
}

// Count formats a number and a noun whose plural ends in s, such as "2 routes".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
