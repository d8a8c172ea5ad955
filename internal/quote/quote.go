// Package quote writes text from outside, lists and durations into messages: log
// lines, errors, explanations and answers. It does not decide which values a message may
// contain.
//
// Security invariants:
//
//  1. What [Text], [Readable], [List] and [Plain] return shows nothing that may be a token
//     (TestRedact, FuzzText).
//  2. It has a bounded length, is valid UTF-8, and is never cut inside a character
//     (TestText, TestPlain, FuzzText).
//  3. What [Text] and [List] return is printable ASCII, so it cannot end a line,
//     change a terminal or look like another text (TestText, FuzzText).
package quote

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// Max is how many bytes of a text a message shows. An issuer URL of Amazon
	// Cognito in the region with the longest name has 73.
	Max = 80

	// MaxListed is how many items of a list a message shows.
	MaxListed = 8

	cutMark = "..."
)

// Text returns a text from a client in double quotes: redacted, cut to Max bytes and
// in ASCII, so that two issuers or groups that only look alike differ. Three dots
// follow the quotes of a text that was cut.
func Text(text string) string {
	return quoted(text, strconv.QuoteToASCII)
}

// Readable returns a text as Text does, but does not escape the letters of other
// scripts: for what an operator wrote into a file.
func Readable(text string) string {
	return quoted(text, strconv.Quote)
}

func quoted(text string, quote func(string) string) string {
	text = Redact(text)
	if short := head(text, Max); short != text {
		return quote(short) + cutMark
	}
	return quote(text)
}

// List returns the first eight items, each as Text returns it, and the number of
// those that follow.
func List(items []string) string {
	var list strings.Builder
	for i, item := range items {
		if i == MaxListed {
			list.WriteString(" and " + strconv.Itoa(len(items)-MaxListed) + " more")
			break
		}
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString(Text(item))
	}
	return list.String()
}

// OneOf returns a list of alternatives: "one of " and the items, or the only item.
func OneOf(items []string) string {
	if len(items) == 1 {
		return List(items)
	}
	return "one of " + List(items)
}

// Plain returns a text without quotes, for a field of a record: redacted and cut to
// most bytes. Bytes that are not UTF-8 and the control characters and line ends
// beyond ASCII, which JSON does not escape, become question marks. The result may
// share memory with text.
func Plain(text string, most int) string {
	text = Cut(Redact(text), most)
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x7f }) {
		return text // the usual case
	}
	return strings.Map(func(r rune) rune {
		if r >= 0x7f && unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, text)
}

// Cut returns a text of at most most bytes. Three dots replace what was cut.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return head(text, most-len(cutMark)) + cutMark
}

// head returns the first most bytes of a text, or fewer so that no character is cut.
func head(text string, most int) string {
	if len(text) <= most {
		return text
	}
	at := most
	for at > 0 && at > most-utf8.UTFMax && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at]
}

// Redact replaces what may be a JWT, or the beginning of one, by "(token)": "{" and a
// quote in base64url, which begin the header that every library writes, and 16 more
// characters, which the shortest header has.
func Redact(text string) string {
	const (
		begin     = "eyJ"
		shortest  = 16
		base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	)
	if !strings.Contains(text, begin) {
		return text
	}
	var redacted strings.Builder
	for {
		before, after, found := strings.Cut(text, begin)
		redacted.WriteString(before)
		if !found {
			return redacted.String()
		}
		text = strings.TrimLeft(after, base64url)
		if len(after)-len(text) < shortest {
			redacted.WriteString(begin)
			text = after
			continue
		}
		redacted.WriteString("(token)")
		text = strings.TrimLeft(text, base64url+".")
	}
}
