package envoylint

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable escapes text from a file for a line of a terminal. Many people write parts
// of a dump: a line feed in the name of a route could forge a finding, and an escape
// sequence could hide one. It also escapes characters that change the text direction.
func printable(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i]) // not UTF-8, which the name of a file may be
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

// printableError escapes the text of an error that quotes the file.
type printableError struct{ err error }

func (e printableError) Error() string { return printable(e.err.Error()) }

func (e printableError) Unwrap() error { return e.err }
