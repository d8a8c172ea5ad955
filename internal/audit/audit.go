// Package audit writes decisions down: one decision, one JSON line.
//
// A line says who asked for what, what was decided and why. It never holds a
// token, a query or a header value; what a client wrote is cut.
//
// Invariants:
//
//  1. No line holds a token or a query (TestWriteHoldsNoToken).
//  2. A line stays one line, whatever the request holds (TestWriteIsOneLine).
package audit

import (
	"context"
	"log/slog"
	"strings"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// maxText bounds, in bytes, what of a client's own text stands in a line.
const maxText = 512

// Log writes a line for each decision that is worth one. It is safe for
// concurrent use. Make one with [New].
type Log struct {
	logger *slog.Logger
}

// New returns a log that writes through handler, which decides the format and
// the place.
func New(handler slog.Handler) *Log { return &Log{logger: slog.New(handler)} }

// Write writes the line of a denied request, or of one whose token failed and
// that went on without identity. Other decisions have none.
func (l *Log) Write(ctx context.Context, r *gate.Request, d *gate.Decision) {
	if d.Verdict == gate.VerdictAllow && d.Reason != gate.ReasonAnonymousInvalid {
		return
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, "decision",
		slog.String("decision", d.ID),
		slog.String("request_id", cut(r.Header("x-request-id"))),
		slog.String("route", d.Route),
		slog.String("verdict", string(d.Verdict)),
		slog.String("reason", string(d.Reason)),
		slog.String("detail", d.Detail),
		slog.String("issuer", d.Issuer),
		slog.String("subject", cut(d.Subject)),
		slog.String("kid", d.KeyID),
		slog.String("method", cut(r.Method)),
		slog.String("host", cut(r.Host)),
		slog.String("path", cut(r.Path())),
		slog.String("source", r.Source),
		slog.Int64("duration_us", d.Elapsed.Microseconds()),
		slog.String("config", d.ConfigHash),
	)
}

// cut bounds a client's own text, and replaces what is not UTF-8.
func cut(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "?")
}
