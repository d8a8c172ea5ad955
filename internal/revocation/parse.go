package revocation

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// Limits of a file.
const (
	maxLineBytes  = 4 << 10 // without the line's end
	maxLines      = 10_000_000
	maxLineErrors = 20
)

// LineError is an invalid line.
type LineError struct {
	Line int    // from 1
	Text string // what is wrong and what was expected
}

// Error returns the number of the line and the text.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// LineErrors are the invalid lines of a file in their order: the first 20, followed by one
// that has the number of the others.
type LineErrors []LineError

// Error returns the texts of all of them.
func (e LineErrors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// errorList collects invalid lines, and counts those beyond the first 20.
type errorList struct {
	first     LineErrors
	others    int
	firstRest int // the number of the first of the others
}

func (l *errorList) add(line int, text string) {
	if len(l.first) < maxLineErrors {
		l.first = append(l.first, LineError{line, text})
		return
	}
	if l.others++; l.others == 1 {
		l.firstRest = line
	}
}

func (l *errorList) err() error {
	switch {
	case len(l.first) == 0:
		return nil
	case l.others > 0:
		return append(l.first, LineError{l.firstRest, fmt.Sprintf("and %d more invalid lines from here", l.others)})
	}
	return l.first
}

// Parse reads a list of revoked tokens of the named issuers, one JSON object per line:
//
//	{"issuer": NAME, "sub" | "client" | "jti" | "origin_jti": VALUE, "issued_before": RFC 3339}
//
// NAME is the name of an issuer in the configuration, and the value of sub has no prefix.
// issued_before is optional: a line with it revokes only tokens with an earlier iat and
// tokens without an iat. If several lines have the same value, the one that revokes the
// most tokens applies. Blank lines are ignored, and lines may end in CRLF.
//
// Anything else is invalid, and one invalid line rejects the list: the error is
// [LineErrors], or the error of the reader. A line has at most 4 KiB, and a list has at
// most 10 million lines.
func Parse(r io.Reader, issuers []string) (*List, error) {
	list := &List{byIssuer: make(map[string]*entries, len(issuers))}
	for _, name := range issuers {
		list.byIssuer[name] = new(entries)
	}
	lines := bufio.NewReaderSize(r, maxLineBytes+len("\r\n"))
	var invalid errorList
	for number := 1; ; number++ {
		line, fits, err := readLine(lines)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading line %d: %w", number, err)
		}
		if number > maxLines {
			invalid.add(number, fmt.Sprintf("too many lines: expected at most %d", maxLines))
			break
		}
		if !fits {
			invalid.add(number, fmt.Sprintf("the line is longer than %d bytes; expected one JSON object per line", maxLineBytes))
			continue
		}
		if text := list.parse(string(line), issuers); text != "" {
			invalid.add(number, text)
		}
	}
	if err := invalid.err(); err != nil {
		return nil, err
	}
	return list, nil
}

// readLine returns the next line without its end, and whether it fits into the buffer of
// r. The line is valid until the next call. The error is io.EOF after the last line.
func readLine(r *bufio.Reader) (line []byte, fits bool, err error) {
	line, err = r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		if err == io.EOF {
			err = nil
		}
		return nil, false, err
	}
	if err != nil && (err != io.EOF || len(line) == 0) {
		return nil, false, err
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	return line, len(line) <= maxLineBytes, nil
}

// parse adds one line to the list, or returns what is wrong with it.
func (l *List) parse(line string, issuers []string) (wrong string) {
	if strings.Trim(line, " \t\r") == "" {
		return ""
	}
	object, err := strictjson.Object(line)
	if err != nil {
		return "invalid JSON object: " + err.Error() + `; expected {"issuer": "NAME", "sub": "VALUE"}`
	}
	key, wrong := findKey(object)
	if wrong != "" {
		return wrong
	}
	issuer, wrong := text(object, "issuer")
	if wrong != "" {
		return wrong
	}
	if l.byIssuer[issuer] == nil {
		return "unknown issuer: got " + quote.Text(issuer) + "; expected " + quote.OneOf(issuers)
	}
	value, wrong := text(object, keys()[key])
	if wrong != "" {
		return wrong
	}
	before, wrong := issuedBefore(object)
	if wrong != "" {
		return wrong
	}
	// Without the clone, the list would keep the whole line in memory.
	l.add(issuer, key, strings.Clone(value), before)
	return ""
}

// findKey returns the index of the one of [keys] that a line has.
func findKey(object map[string]any) (key int, wrong string) {
	known := keys()
	var unknown, found []string
	for name := range object {
		switch at := slices.Index(known[:], name); {
		case at >= 0:
			key, found = at, append(found, name)
		case name != "issuer" && name != "issued_before":
			unknown = append(unknown, name)
		}
	}
	slices.Sort(found)
	expected := "expected exactly " + quote.OneOf(known[:])
	switch {
	case len(unknown) > 0:
		return 0, "unknown key: got " + quote.Text(slices.Min(unknown)) + `; expected "issuer", "issued_before" and ` + quote.OneOf(known[:])
	case len(found) == 0:
		return 0, "no key says what is revoked; " + expected
	case len(found) > 1:
		return 0, "several keys say what is revoked: got " + quote.List(found) + "; " + expected
	}
	return key, ""
}

// text returns a member, which must be a string that is not empty.
func text(object map[string]any, name string) (value, wrong string) {
	found, present := object[name]
	value, ok := found.(string)
	switch {
	case !present:
		wrong = "is missing"
	case !ok:
		wrong = "is not a string"
	case value == "":
		wrong = "is empty"
	default:
		return value, ""
	}
	return "", quote.Text(name) + " " + wrong + "; expected a string that is not empty"
}

// rfc3339 matches the times of RFC 3339 section 5.6. [time.Parse] also accepts an hour of
// one digit, and a comma before the fraction.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

// issuedBefore returns the time before which a line revokes tokens, in microseconds since
// 1970. It rounds up, so that the line does not revoke fewer tokens than it says.
func issuedBefore(object map[string]any) (microseconds int64, wrong string) {
	if _, present := object["issued_before"]; !present {
		return always, ""
	}
	value, wrong := text(object, "issued_before")
	if wrong != "" {
		return 0, wrong
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || !rfc3339.MatchString(value) {
		return 0, `"issued_before" is not an RFC 3339 time: got ` + quote.Text(value) + "; expected a time such as 2026-05-17T10:00:00Z"
	}
	return at.Add(time.Microsecond - 1).UnixMicro(), ""
}
