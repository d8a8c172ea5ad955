package request

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns a form of a text that does not depend on letter case: Fold(a) == Fold(b) if
// and only if strings.EqualFold(a, b), for UTF-8. It does not allocate for an ASCII text
// without capital letters, which it returns as it is.
func Fold(text string) string { return strings.Map(foldRune, text) }

// foldRune returns the same rune for all runes that Unicode's simple folding makes equal:
// the lower-case letter if one of them is ASCII, else the smallest.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		return Lower(r)
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	if least < utf8.RuneSelf {
		return Lower(least)
	}
	return least
}
