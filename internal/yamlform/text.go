package yamlform

import (
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// Quote quotes a value for a mistake.
func Quote(value string) string { return quote.Readable(value) }

// FormatDuration writes a duration as [quote.Duration] does.
func FormatDuration(length time.Duration) string { return quote.Duration(length) }

// ASCIIWord reports whether text consists of ASCII letters, digits and the bytes
// of others.
func ASCIIWord(text, others string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return r >= 0x80 || !letter && !strings.ContainsRune(others, r)
	})
}

// DidYouMean returns a hint that names the known word that a typing mistake most
// likely meant, or otherwise if there is none.
func DidYouMean(word string, known []string, otherwise string) string {
	if near := Closest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// Closest returns the known word that a typing mistake most likely meant, or
// nothing.
func Closest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, candidate := range known {
		if n := edits(strings.ToLower(word), strings.ToLower(candidate)); n <= least && n < len(candidate) {
			best, least = candidate, n-1
		}
	}
	return best
}

// edits is the Levenshtein distance of two short words.
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
