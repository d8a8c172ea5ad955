// Package audit writes decisions down: one decision, one JSON line.
//
// A line says who asked for what, what was decided and why. It never holds a
// token, a query, or a header value other than x-request-id; what a client wrote
// is cut.
//
// Security invariants:
//
//  1. No line holds a token, wherever a client put it (TestWriteHoldsNoToken), or a
//     query (TestWrite, TestDiffer).
//  2. A line stays one line, whatever the request holds (TestWriteIsOneLine).
//  3. What is remembered is a copy: nothing that later happens to a request's
//     memory reaches it (TestMemoryHoldsCopies).
package audit

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// maxText bounds, in bytes, what of a client's own text stands in a line.
const maxText = 512

// Log writes a line for each decision that the config wants written down, and
// remembers those that somebody may ask about. It is safe for concurrent use.
// Make one with [New].
type Log struct {
	targets Targets
	memory  *Memory
	jwt     *regexp.Regexp // what may be a JWT, or the head of one
	lines   sync.Pool      // of *[]slog.Attr
}

// Targets are the handlers of the places that decisions are written to. They keep
// nothing of a record beyond Handle: its texts are views of a request.
type Targets map[config.AuditTarget]slog.Handler

// New returns a log that writes through the handler of each target, which
// decides the format and the place, and remembers in memory.
func New(targets Targets, memory *Memory) *Log {
	return &Log{targets: targets, memory: memory, jwt: regexp.MustCompile(gate.TokenPattern)}
}

// Write takes one decision down. A denial, and a request that was let go on
// without identity, is remembered whether it is written or not: somebody holds
// its id and may ask.
func (l *Log) Write(ctx context.Context, r *gate.Request, d *gate.Decision) {
	if !d.Record && (d.Verdict == gate.VerdictAllow || d.Verdict == gate.VerdictAnswer) && d.Excused == "" {
		return
	}
	record := l.record(r, d)
	l.memory.add(d.ID, &record)
	if !d.Record {
		return
	}
	line, reused := l.lines.Get().(*[]slog.Attr)
	if !reused {
		line = new([]slog.Attr)
	}
	*line = record.attributes((*line)[:0])
	l.write(ctx, d.To, "decision", *line)
	clear(*line) // of the views of a request
	l.lines.Put(line)
}

// Differ writes down where a candidate config decides otherwise than the live
// one.
func (l *Log) Differ(ctx context.Context, r *gate.Request, difference gate.Difference) {
	live, would := difference.Live, difference.Candidate
	l.write(ctx, live.To, "shadow", []slog.Attr{
		slog.String("decision", live.ID.String()),
		slog.String("request_id", l.clean(r.Header("x-request-id"))),
		slog.String("route", live.Route),
		slog.String("from", string(live.Verdict)),
		slog.String("to", string(would.Verdict)),
		slog.String("reason", string(would.Reason)),
		slog.String("live_reason", string(live.Reason)),
		slog.String("candidate_route", would.Route),
		slog.String("detail", l.clean(would.Detail)),
		slog.String("mend", l.clean(would.Mend)),
		slog.String("issuer", would.Issuer),
		slog.String("subject", l.clean(would.Subject)),
		slog.String("method", l.clean(r.Method)),
		slog.String("host", l.clean(r.Host)),
		slog.String("path", l.clean(r.Path())),
		slog.String("config", live.ConfigHash),
		slog.String("candidate", would.ConfigHash),
	})
}

// write has a line written. Its attributes stand in a group without a name, which
// slog writes as if there were none: of attributes of its own a record would make
// a copy.
func (l *Log) write(ctx context.Context, to config.AuditTarget, message string, attributes []slog.Attr) {
	handler := l.targets[to]
	if handler == nil || !handler.Enabled(ctx, slog.LevelInfo) {
		return
	}
	line := slog.NewRecord(time.Now(), slog.LevelInfo, message, 0)
	line.AddAttrs(slog.Attr{Value: slog.GroupValue(attributes...)})
	_ = handler.Handle(ctx, line) // the writer counts the lines that it loses
}

// clean bounds a client's own text, and takes out of it what may be a token,
// what is not UTF-8, and the control characters beyond ASCII, which JSON does not
// escape and some readers of logs take for the end of a line. What it returns may
// be a view of text.
func (l *Log) clean(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	// Nearly every text is plain, and looking is cheaper than mending.
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x7f }) && !strings.Contains(text, "eyJ") {
		return text
	}
	text = strings.Map(func(r rune) rune {
		if r >= 0x7f && unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, text)
	return l.jwt.ReplaceAllString(text, "(token)")
}
