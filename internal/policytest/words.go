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

// closest returns the known word that a typing mistake most likely meant, or "".
func closest(word string, known []string) string {
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
	const most = 64
	if len(a) > most || len(b) > most {
		return most
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

// count writes how many there are.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
