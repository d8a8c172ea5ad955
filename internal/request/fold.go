package request

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns a text in the form in which texts that differ in letter case alone
// are equal: Fold(a) == Fold(b) exactly if strings.EqualFold(a, b), for UTF-8. A
// text without capital letters and of ASCII is its own fold, and costs no memory.
func Fold(text string) string { return strings.Map(foldRune, text) }

// foldRune returns one rune for all that Unicode's simple folding takes for the
// same: the lower-case letter if one of them is ASCII, else the smallest.
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
