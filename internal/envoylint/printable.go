package envoylint

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable is text from a file, fit for a line of a terminal. A dump is what many
// people wrote: a line feed in the name of a route would forge a finding, and an
// escape sequence wipe one. Characters that change the direction of writing go too.
func printable(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i]) // no UTF-8, as a file's name may be
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// printableError is an error with its text made printable: it quotes the file.
type printableError struct{ err error }

func (e printableError) Error() string { return printable(e.err.Error()) }

func (e printableError) Unwrap() error { return e.err }
