// Package audit writes decisions down: one decision, one JSON line.
//
// A line says who asked for what, what was decided and why. It never holds a
// token, a query, or a header value other than x-request-id; what a client wrote
// is cut.
//
// Security invariants:
//
//  1. No line holds a token, wherever a client put it, or a query
//     (TestWriteHoldsNoToken).
//  2. A line stays one line, whatever the request holds (TestWriteIsOneLine).
package audit

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
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
	targets map[config.AuditTarget]*slog.Logger
	memory  *Memory
	jwt     *regexp.Regexp // what may be a JWT, or the head of one
}

// Targets are the handlers of the places that decisions are written to.
type Targets map[config.AuditTarget]slog.Handler

// New returns a log that writes through the handler of each target, which
// decides the format and the place, and remembers in memory.
func New(targets Targets, memory *Memory) *Log {
	l := &Log{memory: memory, targets: make(map[config.AuditTarget]*slog.Logger), jwt: regexp.MustCompile(gate.TokenPattern)}
	for target, handler := range targets {
		l.targets[target] = slog.New(handler)
	}
	return l
}

// Write takes one decision down. A denial, and a request that was let go on
// without identity, is remembered whether it is written or not: somebody holds
// its id and may ask.
func (l *Log) Write(ctx context.Context, r *gate.Request, d *gate.Decision) {
	if !d.Record && d.Verdict == gate.VerdictAllow && d.Excused == "" {
		return
	}
	record := l.record(r, d)
	l.memory.add(record)
	if logger := l.targets[d.To]; logger != nil && d.Record {
		logger.LogAttrs(ctx, slog.LevelInfo, "decision", record.attributes()...)
	}
}

// Differ writes down where a candidate config decides otherwise than the live
// one.
func (l *Log) Differ(ctx context.Context, r *gate.Request, difference gate.Difference) {
	live, would := difference.Live, difference.Candidate
	logger := l.targets[live.To]
	if logger == nil {
		return
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "shadow",
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
	)
}

// clean bounds a client's own text, and takes out of it what may be a token,
// what is not UTF-8, and the control characters beyond ASCII, which JSON does not
// escape and some readers of logs take for the end of a line.
func (l *Log) clean(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	// Nearly every text is plain, and looking is cheaper than mending.
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x7f }) && !strings.Contains(text, "eyJ") {
		return strings.Clone(text)
	}
	text = strings.Map(func(r rune) rune {
		if r >= 0x7f && unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, text)
	// What is remembered must not hold on to the memory of a whole request.
	return strings.Clone(l.jwt.ReplaceAllString(text, "(token)"))
}
