package yamlform

import (
	"fmt"
	"strings"
	"time"
)

// Quote quotes a value for a mistake, cut to a length that fits on a line.
func Quote(value string) string {
	const limit = 80
	if len(value) > limit {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(value[:limit], ""))
	}
	return fmt.Sprintf("%q", value)
}

// FormatDuration writes a duration without the zero parts that time.Duration
// prints.
func FormatDuration(length time.Duration) string {
	text := length.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

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
