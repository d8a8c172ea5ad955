// Package audit writes decisions down: one decision, one JSON line.
//
// A line says who asked for what, what was decided and why. It never holds a
// token, a query, or a header value other than x-request-id; what a client wrote
// is cut. The same line is written to the log, remembered for /decisions/ID, and
// read again by `jwtgate explain`.
//
// Security invariants:
//
//  1. No line holds a token, wherever a client put it (TestWriteHoldsNoToken), or a
//     query (TestWrite, TestDiffer).
//  2. A line stays one line, whatever the request holds (TestWriteIsOneLine).
//  3. What is remembered is a copy: nothing that later happens to a request's
//     memory reaches it (TestMemoryHoldsCopies).
//  4. What is remembered is the line that is written, and each field of a record
//     stands in it (TestEveryFieldIsWritten).
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

// maxText bounds, in bytes, what of a client's own text stands in a line.
const maxText = 512

// Log writes a line for each decision that the config wants written down, and
// remembers those that somebody may ask about. It is safe for concurrent use.
// Make one with [New].
type Log struct {
	targets Targets
	memory  *Memory
	traceID func(context.Context) string
	pool    sync.Pool // of *encoder
}

// Targets are the writers of the places that decisions are written to. Each line is
// one Write, of memory that is used again.
type Targets map[config.AuditTarget]io.Writer

// New returns a log that writes to the targets and remembers in memory. traceID
// returns the trace id of the call that a context belongs to, or ""; nil: no line has
// one.
func New(targets Targets, memory *Memory, traceID func(context.Context) string) *Log {
	if traceID == nil {
		traceID = func(context.Context) string { return "" }
	}
	return &Log{targets: targets, memory: memory, traceID: traceID}
}

// Write records one decision. A denial, and a request that was let go on without
// identity, is remembered whether it is written or not: somebody holds its id and
// may ask.
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

// write writes a line. The writer counts those that it loses.
func (l *Log) write(to config.AuditTarget, line []byte) {
	if w := l.targets[to]; w != nil {
		_, _ = w.Write(line)
	}
}

// encoder encodes lines, one after the other, in memory of its own.
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

// encode returns the line, which is good until the next call.
func (e *encoder) encode(value any) []byte {
	e.bytes.Reset()
	_ = e.json.Encode(value) // texts, numbers and times: none fails
	return e.bytes.Bytes()
}

// levelInfo is the level of every line, as slog writes it.
const levelInfo = "INFO"

// difference is the line of a decision that a candidate config would have made
// otherwise than the live one.
type difference struct {
	Time           time.Time    `json:"time"`
	Level          string       `json:"level"`
	Message        string       `json:"msg"`
	Decision       string       `json:"decision"`
	RequestID      string       `json:"request_id,omitempty"`
	Route          string       `json:"route"`
	From           gate.Verdict `json:"from"`
	To             gate.Verdict `json:"to"`
	Reason         gate.Reason  `json:"reason"`
	LiveReason     gate.Reason  `json:"live_reason"`
	CandidateRoute string       `json:"candidate_route"`
	InternalDetail string       `json:"internal_detail,omitempty"`
	Hint           string       `json:"hint,omitempty"`
	Issuer         string       `json:"issuer,omitempty"`
	Subject        string       `json:"subject,omitempty"`
	Method         string       `json:"method,omitempty"`
	Host           string       `json:"host,omitempty"`
	Path           string       `json:"path,omitempty"`
	Config         string       `json:"config"`
	Candidate      string       `json:"candidate"`
}

// Differ writes down where a candidate config decides otherwise than the live
// one.
func (l *Log) Differ(r *request.Request, d gate.Difference) {
	live, would := d.Live, d.Candidate
	l.write(live.To, newEncoder().encode(&difference{
		Time: time.Now().UTC(), Level: levelInfo, Message: "candidate difference",
		Decision: live.ID.String(), RequestID: clean(r.Header("x-request-id")), Route: live.Route,
		From: live.Verdict, To: would.Verdict, Reason: would.Reason, LiveReason: live.Reason, CandidateRoute: would.Route,
		InternalDetail: clean(would.InternalDetail), Hint: clean(would.Hint), Issuer: would.Issuer, Subject: clean(would.Subject),
		Method: clean(r.Method), Host: clean(r.Authority), Path: clean(r.RawPath()), Config: live.ConfigHash, Candidate: would.ConfigHash,
	}))
}

// clean returns a client's own text as a line may contain it.
func clean(text string) string { return quote.Plain(text, maxText) }
