package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jwtgate/jwtgate/internal/audit"
	"github.com/jwtgate/jwtgate/internal/gate"
)

const (
	// maxLog bounds what is read of a log, so that a wrong file or an endless
	// stream ends in an answer.
	maxLog = 64 << 20
	// maxLine is more than the longest audit line; a longer line of a log is
	// none, and is passed over without being held.
	maxLine = 1 << 16
)

// readAuditLine explains the decision id among the lines of a log, or its only
// decision when id is empty. The log is read as a stream.
func readAuditLine(name, id string, in io.Reader) (*explanation, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the audit line: %w", err)
		}
		defer file.Close()
		in = file
	}
	found, others, err := findRecord(in, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the audit line: %w", err)
	case found == nil && id != "":
		return nil, fmt.Errorf("there is no audit line of decision %s", id)
	case found == nil:
		return nil, errors.New("there is no decision's audit line; give a line of the gate's log that has a decision and a verdict")
	case others > 0:
		return nil, fmt.Errorf("there are audit lines of more than one decision (%d lines; the first is %s); choose one: jwtgate explain --decision ID --audit-line %s",
			others+1, found.Decision, name)
	}
	return explainRecord(found)
}

// findRecord finds the first decision's record in a log, or that of id, and
// counts the records of other decisions behind it unless one was asked for.
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
			return nil, 0, fmt.Errorf("there are more than %d MiB; give less of the log, such as by grep ID LOG | jwtgate explain --audit-line -", maxLog>>20)
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

// parseRecord reads a line of a log that is a decision's; nil when it is not.
// What stands before the JSON, such as a container's name, is skipped.
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

// explainRecord explains a record, unless no decision of this version can be what
// it says: it is another program's, or was changed.
func explainRecord(record *audit.Record) (*explanation, error) {
	if err := checkID(record.Decision); err != nil {
		return nil, err
	}
	const unknown = "decision %s has the reason %.80q, which is unknown here; was it made by another version?"
	m, known := gate.LookupReason(record.Reason)
	_, excuse := gate.LookupReason(record.WouldDeny)
	switch {
	case !known:
		return nil, fmt.Errorf(unknown, record.Decision, record.Reason)
	case record.WouldDeny != "" && !excuse:
		return nil, fmt.Errorf(unknown, record.Decision, record.WouldDeny)
	case record.Verdict != m.Verdict:
		return nil, fmt.Errorf("decision %s has the verdict %.80q, and %s is a reason to %s; the line has been changed",
			record.Decision, record.Verdict, record.Reason, m.Verdict)
	}
	if record.Status == 0 { // a line of an earlier version
		record.Status = m.Status
	}
	made := &explanation{Record: *record, Steps: record.Steps(), recorded: true}
	made.Level, made.Message = "", ""
	return made, nil
}

// checkID says what is wrong with a decision's id.
func checkID(id string) error {
	if _, ok := gate.ParseID(id); !ok {
		return fmt.Errorf("%.80q is no decision's id; it is such as 3f2a9c01-5d41e8c2b7a90f36, as a denial's body and its audit line have it", id)
	}
	return nil
}

// noPlace says that flags of one way to explain stand beside those of another.
func noPlace(flags []string, belong, beside string) error {
	if len(flags) == 1 {
		return fmt.Errorf("%s belongs to %s and has no place beside %s; leave it out", flags[0], belong, beside)
	}
	return fmt.Errorf("%s belong to %s and have no place beside %s; leave them out", strings.Join(flags, ", "), belong, beside)
}
