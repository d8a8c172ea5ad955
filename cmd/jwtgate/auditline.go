package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/gate"
)

const (
	// maxLog bounds how much of a log is read, so that a wrong file or an endless stream
	// ends with an error.
	maxLog = 64 << 20
	// maxLine is longer than any audit line. Longer lines of a log are skipped, and are
	// not kept in memory.
	maxLine = 1 << 16
)

// readAuditLine explains the decision id in a log; if id is empty, its only decision. It
// reads the log as a stream.
func (c console) readAuditLine(name, id string) (*explanation, error) {
	log, err := c.open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the audit line: %w", err)
	}
	defer log.Close()
	found, others, err := findRecord(log, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the audit line: %w", err)
	case found == nil && id != "":
		return nil, fmt.Errorf("found no audit line of decision %s", id)
	case found == nil:
		return nil, errors.New("found no audit line; expected a line of jwtgate's log that has a decision and a verdict")
	case others > 0:
		return nil, fmt.Errorf("found audit lines of more than one decision (%d lines; the first is %s); "+
			"hint: select one: jwtgate explain --decision ID --audit-line %s", others+1, found.Decision, name)
	}
	return explainRecord(found)
}

// findRecord finds the record of the decision id in a log. If id is empty, it finds the
// first record, and counts the records of other decisions after it.
func findRecord(in io.Reader, id string) (found *audit.Record, others int, err error) {
	limited := &io.LimitedReader{R: in, N: maxLog + 1}
	lines := bufio.NewReaderSize(limited, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			line = nil
			_, err = lines.ReadSlice('\n')
		}
		if limited.N == 0 {
			return nil, 0, fmt.Errorf("the log is longer than %d MiB; hint: grep ID LOG | jwtgate explain --audit-line -", maxLog>>20)
		}
		switch record := parseRecord(line); {
		case record == nil || id != "" && record.Decision != id:
		case found == nil:
			if found = record; id != "" {
				return found, 0, nil
			}
		case record.Decision != found.Decision: // a log can hold a line twice
			others++
		}
		if errors.Is(err, io.EOF) {
			return found, others, nil
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

// parseRecord reads an audit line; nil: the line is not one. Text before the JSON, such as
// the name of a container, is skipped.
func parseRecord(line []byte) *audit.Record {
	begin := bytes.IndexByte(line, '{')
	if begin < 0 {
		return nil
	}
	var record audit.Record
	if json.Unmarshal(bytes.TrimSpace(line[begin:]), &record) != nil || record.Decision == "" || record.Verdict == "" {
		return nil
	}
	return &record
}

// explainRecord returns the explanation of a record. A record that this version cannot
// have written, because it is of another program or was edited, is an error.
func explainRecord(record *audit.Record) (*explanation, error) {
	if err := checkID(record.Decision); err != nil {
		return nil, err
	}
	const unknown = "decision %s has the unknown reason %.80q; it may be of another version of jwtgate"
	m, known := gate.LookupReason(record.Reason)
	_, excuse := gate.LookupReason(record.WouldDeny)
	switch {
	case !known:
		return nil, fmt.Errorf(unknown, record.Decision, record.Reason)
	case record.WouldDeny != "" && !excuse:
		return nil, fmt.Errorf(unknown, record.Decision, record.WouldDeny)
	case record.Verdict != m.Verdict:
		return nil, fmt.Errorf("decision %s has verdict %.80q, but the verdict of reason %s is %s; the line was edited",
			record.Decision, record.Verdict, record.Reason, m.Verdict)
	}
	if record.Status == 0 { // a line of an earlier version
		record.Status = m.Status
	}
	made := &explanation{Record: *record, Steps: record.Steps(), recorded: true}
	made.Level, made.Message = "", ""
	return made, nil
}

// checkID returns an error if an ID is not one of a decision.
func checkID(id string) error {
	if _, ok := gate.ParseID(id); !ok {
		return fmt.Errorf("invalid decision ID %.80q; expected REPLICA-<16 hex digits> as in the response body and the audit line, "+
			"such as 3f2a9c01-5d41e8c2b7a90f36", id)
	}
	return nil
}

// misplaced returns the error for flags that explain one thing, next to a flag that
// explains another.
func misplaced(flags []string, explained, other string) error {
	if len(flags) == 1 {
		return fmt.Errorf("%s explains %s and cannot be used with %s; omit it", flags[0], explained, other)
	}
	return fmt.Errorf("%s explain %s and cannot be used with %s; omit them", strings.Join(flags, ", "), explained, other)
}
