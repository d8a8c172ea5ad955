package envoylint

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
)

// formatCommand is a command in a format of Envoy's, such as %REQ(A):8%.
type formatCommand struct {
	before         string // the text since the previous command
	name, argument string
	most           int // how many characters of its value Envoy writes; 0: all
}

var commandPattern = regexp.MustCompile(`(?s)%%|%([A-Z0-9_]+)(?:\((.*?)\))?(?::([0-9]+))?%`)

// commandsOf returns the commands of a format, in which %% is a percent sign.
func commandsOf(format string) []formatCommand {
	var all []formatCommand
	var before strings.Builder
	end := 0
	for _, found := range commandPattern.FindAllStringSubmatchIndex(format, -1) {
		before.WriteString(format[end:found[0]])
		end = found[1]
		if found[2] < 0 {
			before.WriteByte('%')
			continue
		}
		most, err := strconv.Atoi(group(format, found, 3))
		if err != nil {
			most = 0
		}
		all = append(all, formatCommand{before.String(), group(format, found, 1), group(format, found, 2), most})
		before.Reset()
	}
	return all
}

// group returns a group of a match; empty if it did not take part.
func group(text string, match []int, n int) string {
	if match[2*n] < 0 {
		return ""
	}
	return text[match[2*n]:match[2*n+1]]
}

// formats calls f with every text in the value that may be a format; bytes as the text that
// they encode.
func (v *value) formats(f func(text string, at *value)) {
	v.scalars(func(text string, at *value) {
		if isField(at, "inline_bytes") {
			// Envoy takes both alphabets of Base64, with or without padding.
			plain := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(text)
			if decoded, err := base64.RawStdEncoding.DecodeString(plain); err == nil {
				text = string(decoded)
			}
		}
		f(text, at)
	})
}
