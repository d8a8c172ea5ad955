package yamlform

import (
	"strings"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// Quote quotes a value for a mistake.
func Quote(value string) string { return quote.Readable(value) }

// ASCIIWord reports whether text contains only ASCII letters, digits and characters
// of others.
func ASCIIWord(text, others string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return r >= 0x80 || !letter && !strings.ContainsRune(others, r)
	})
}

// DidYouMean returns a hint that names the known word closest to a misspelled one, or
// otherwise if no known word is close.
func DidYouMean(word string, known []string, otherwise string) string {
	if near := Closest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// Closest returns the known word closest to a misspelled one, or "" if none is
// close.
func Closest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, candidate := range known {
		if n := edits(strings.ToLower(word), strings.ToLower(candidate)); n <= least && n < len(candidate) {
			best, least = candidate, n-1
		}
	}
	return best
}

// edits returns the Levenshtein distance of two short words.
func edits(a, b string) int {
	const limit = 64
	if len(a) > limit || len(b) > limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
