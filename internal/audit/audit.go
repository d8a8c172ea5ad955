// Package audit records decisions: one decision, one line of JSON.
//
// A line says who requested what, what was decided, and why. It never contains a token, a
// query, or a header value other than x-request-id, and the texts that a client chose are
// truncated. The same line is written to the log, kept in memory for /decisions/ID, and
// read by `jwtgate explain`.
//
// Security invariants:
//
//  1. No line contains a token, wherever a client put it (TestWriteHoldsNoToken), or a
//     query (TestWrite, TestDiffer).
//  2. A decision is written as one line, whatever the request contains
//     (TestWriteIsOneLine).
//  3. The memory keeps copies: it does not change when the memory of a request is reused
//     (TestMemoryHoldsCopies).
//  4. The line in memory is the line that is written (TestRecordIsTheLine), and it contains
//     each field of the record (TestEveryFieldIsWritten).
//  5. A field that the configuration redacts is in no line, and neither are the parts of
//     other texts that show the subject or the path (TestRedact).
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/quote"
	"github.com/jwtgate/jwtgate/internal/request"
)

// maxText is the maximum size, in bytes, of a client's text in a line.
const maxText = 512

// Log writes a line for each decision that the configuration selects, and keeps the recent
// decisions that a user may ask about in memory. It is safe for concurrent use. Make one
// with [New].
type Log struct {
	targets Targets
	memory  *Memory
	traceID func(context.Context) string
	pool    sync.Pool // of *encoder
}

// Targets are the writers that decisions are written to. Each line is one Write. The
// writer must not keep the bytes, because their memory is reused.
type Targets map[config.AuditTarget]io.Writer

// New returns a log that writes to the targets and keeps lines in memory. traceID returns
// the trace ID of the call that a context belongs to, or "". If it is nil, no line has a
// trace ID.
func New(targets Targets, memory *Memory, traceID func(context.Context) string) *Log {
	if traceID == nil {
		traceID = func(context.Context) string { return "" }
	}
	return &Log{targets: targets, memory: memory, traceID: traceID}
}

// Write records one decision. It keeps every denial in memory, and every request that was
// allowed although it would have been denied, even if the configuration does not select
// them: the client may have the decision's ID, and an operator may look it up.
func (l *Log) Write(ctx context.Context, r *request.Request, d *gate.Decision) {
	if !d.Record && (d.Verdict == gate.VerdictAllow || d.Verdict == gate.VerdictAnswer) && d.WouldDeny == "" {
		return
	}
	e, reused := l.pool.Get().(*encoder)
	if !reused {
		e = newEncoder()
	}
	defer l.pool.Put(e)
	record := NewRecord(r, d, l.traceID(ctx))
	line := e.encode(&record)
	l.memory.add(d.ID, line)
	if d.Record {
		l.write(d.To, line)
	}
}

// write writes a line. The writer counts the lines that it loses.
func (l *Log) write(to config.AuditTarget, line []byte) {
	if w := l.targets[to]; w != nil {
		_, _ = w.Write(line)
	}
}

// encoder encodes lines, one after the other, in its own memory.
type encoder struct {
	bytes bytes.Buffer
	json  *json.Encoder
}

func newEncoder() *encoder {
	e := new(encoder)
	e.json = json.NewEncoder(&e.bytes)
	e.json.SetEscapeHTML(false)
	return e
}

// encode returns the line, which is valid until the next call.
func (e *encoder) encode(value any) []byte {
	e.bytes.Reset()
	_ = e.json.Encode(value) // it has only texts, numbers and times, which always encode
	return e.bytes.Bytes()
}

// levelInfo is the level of every line, as slog writes it.
const levelInfo = "INFO"

// difference is the line of a decision that the candidate configuration would have made
// differently. Its record is about the decision of the candidate, with the ID, the route
// and the configuration of the live decision.
type difference struct {
	Record
	// These hide the fields of the record that every line of a decision has. Without a
	// verdict, nothing reads the line as a decision.
	Verdict    omitted `json:"verdict,omitempty"`
	Status     omitted `json:"status,omitempty"`
	DurationUS omitted `json:"duration_us,omitempty"`

	From           gate.Verdict `json:"from"`
	To             gate.Verdict `json:"to"`
	LiveReason     gate.Reason  `json:"live_reason"`
	CandidateRoute string       `json:"candidate_route"`
	Candidate      string       `json:"candidate"` // hex SHA-256
}

// omitted is the type of a field that is never in a line.
type omitted *struct{}

// Differ writes a line about a request that the candidate configuration decides
// differently from the live one.
func (l *Log) Differ(r *request.Request, d gate.Difference) {
	live, would := d.Live, d.Candidate
	record := newBase(r, would, live.Redaction)
	record.Time, record.Message = time.Now().UTC(), "candidate difference"
	record.Decision, record.Route, record.Config = live.ID.String(), live.Route, live.ConfigHash
	l.write(live.To, newEncoder().encode(&difference{
		Record: record, From: live.Verdict, To: would.Verdict, LiveReason: live.Reason,
		CandidateRoute: would.Route, Candidate: would.ConfigHash,
	}))
}

// clean returns a client's text as a line may contain it.
func clean(text string) string { return quote.Plain(text, maxText) }
