package token

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

	"github.com/jwtgate/jwtgate/internal/strictjson"
)

// Bounds of a list of revocations.
const (
	maxRevocationLine  = 4 << 10 // bytes, without the line's end
	maxRevocationLines = 10_000_000
	maxLineErrors      = 20
)

// LineError is a line that cannot be taken.
type LineError struct {
	Line int    // from 1
	Text string // what is wrong with it, and what to write instead
}

// Error renders the line's number and the text.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// LineErrors are the lines that cannot be taken, in their order: the first 20,
// and behind these one that counts the rest.
type LineErrors []LineError

// Error renders all of them.
func (e LineErrors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// wrongLines gathers mistakes and counts those that are too many to keep.
type wrongLines struct {
	first LineErrors
	rest  int // lines
	next  int // the first of the rest
}

func (w *wrongLines) add(line int, text string) {
	if len(w.first) < maxLineErrors {
		w.first = append(w.first, LineError{line, text})
		return
	}
	if w.rest++; w.rest == 1 {
		w.next = line
	}
}

func (w *wrongLines) err() error {
	switch {
	case len(w.first) == 0:
		return nil
	case w.rest > 0:
		return append(w.first, LineError{w.next, fmt.Sprintf("begins the rest of the wrong lines, %d more", w.rest)})
	}
	return w.first
}

// ParseRevocations reads a list of revocations for the issuers of those names,
// one JSON object to a line:
//
//	{"issuer": NAME, "sub" | "client" | "jti" | "origin_jti": VALUE, "issued_before": RFC 3339}
//
// NAME is the issuer's in the config, and sub stands without its prefix. With
// issued_before, which may be left out, only tokens whose iat is earlier are
// revoked, and those without an iat. Of several lines for one value the
// strictest holds. Blank lines are passed over, and lines may end in CRLF.
//
// Anything else is a mistake, and a list with one is not taken at all: the error
// is [LineErrors] that name the wrong lines, or the reader's own. Lines
// have at most 4 KiB, and there are at most 10 million; they are read one by
// one.
func ParseRevocations(r io.Reader, issuers []string) (*Revocations, error) {
	list := &Revocations{byIssuer: make(map[string]*revokedOf, len(issuers))}
	for _, name := range issuers {
		list.byIssuer[name] = new(revokedOf)
	}
	lines := bufio.NewReaderSize(r, maxRevocationLine+len("\r\n"))
	var wrong wrongLines
	for number := 1; ; number++ {
		line, fits, err := readLine(lines)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading line %d: %w", number, err)
		}
		if number > maxRevocationLines {
			wrong.add(number, fmt.Sprintf("is one too many; a list has at most %d lines", maxRevocationLines))
			break
		}
		if !fits {
			wrong.add(number, fmt.Sprintf("is longer than %d bytes; write one JSON object to a line", maxRevocationLine))
			continue
		}
		if text := list.parse(string(line), issuers); text != "" {
			wrong.add(number, text)
		}
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return list, nil
}

// readLine returns the next line without its end, and whether it fits. The line
// is good until the next call; the error is io.EOF behind the last one.
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
	return line, len(line) <= maxRevocationLine, nil
}

// parse takes one line, or says what is wrong with it.
func (r *Revocations) parse(line string, issuers []string) string {
	if strings.Trim(line, " \t\r") == "" {
		return ""
	}
	object, err := strictjson.Object(line)
	if err != nil {
		return "is not one JSON object: " + err.Error() + `; write it as {"issuer": "NAME", "sub": "VALUE"}`
	}
	kind, wrong := revocable(object)
	if wrong != "" {
		return wrong
	}
	issuer, wrong := text(object, "issuer")
	if wrong != "" {
		return wrong
	}
	if r.byIssuer[issuer] == nil {
		return "names the issuer " + quoted(issuer) + ", which is not configured; write the name of " + oneOf(issuers)
	}
	value, wrong := text(object, revocables()[kind])
	if wrong != "" {
		return wrong
	}
	before, wrong := issuedBefore(object)
	if wrong != "" {
		return wrong
	}
	// The clone lets go of the rest of the line.
	r.add(issuer, kind, strings.Clone(value), before)
	return ""
}

// revocable finds the one of [revocables] that a line names.
func revocable(object map[string]any) (kind int, wrong string) {
	kinds := revocables()
	unknown := ""
	var named []string
	for name := range object {
		switch at := slices.Index(kinds[:], name); {
		case at >= 0:
			kind, named = at, append(named, name)
		case name != "issuer" && name != "issued_before" && (unknown == "" || name < unknown):
			unknown = quoted(name)
		}
	}
	slices.Sort(named)
	switch {
	case unknown != "":
		return 0, "has the key " + unknown + `; write "issuer", one of ` + listed(kinds[:]) + `, and "issued_before" only`
	case len(named) == 0:
		return 0, "says not what is revoked; write one of " + listed(kinds[:])
	case len(named) > 1:
		return 0, "says " + listed(named) + " at once; write one of them to a line"
	}
	return kind, ""
}

// text returns a member that has to be a string with something in it.
func text(object map[string]any, name string) (value, wrong string) {
	found, there := object[name]
	value, ok := found.(string)
	switch {
	case !there:
		return "", `has no "` + name + `"; write "` + name + `": "..."`
	case !ok:
		return "", `has a "` + name + `" that is no string; write it in quotes`
	case value == "":
		return "", `has an empty "` + name + `"; write what is meant`
	}
	return value, ""
}

// rfc3339 is the form of RFC 3339 section 5.6.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

// issuedBefore returns up to which iat a line revokes, in microseconds since
// 1970, and no token less for what is cut off.
func issuedBefore(object map[string]any) (microseconds int64, wrong string) {
	if _, there := object["issued_before"]; !there {
		return always, ""
	}
	value, wrong := text(object, "issued_before")
	if wrong != "" {
		return 0, wrong
	}
	// time.Parse takes hours of one digit, too, and a comma for the point.
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || !rfc3339.MatchString(value) {
		return 0, `has an "issued_before" of ` + quoted(value) + ", which is no RFC 3339 time; write it as 2026-05-17T10:00:00Z"
	}
	return at.Add(time.Microsecond - 1).UnixMicro(), ""
}
