// Package terminal has what texts for people share: colours, and how many there
// are of something.
//
// Invariants:
//
//  1. Where no colours are wanted, text stays what it is (TestPaint).
package terminal

import "fmt"

// Color is a terminal's colour, or another way to set text apart (ECMA-48 SGR).
type Color string

// The colours.
const (
	Bold   Color = "\x1b[1m"
	Dim    Color = "\x1b[2m"
	Red    Color = "\x1b[31m"
	Green  Color = "\x1b[32m"
	Yellow Color = "\x1b[33m"
)

// plain ends every colour.
const plain = "\x1b[0m"

// Palette is whether colours are wanted: the zero value paints nothing.
type Palette bool

// Paint puts a colour around a text, if colours are wanted.
func (p Palette) Paint(color Color, text string) string {
	if !p || text == "" || color == "" {
		return text
	}
	return string(color) + text + plain
}

// Count writes how many there are of what, an English noun that takes an s.
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
