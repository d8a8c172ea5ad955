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

	"github.com/jwtgate/jwtgate/internal/gate"
)

// maxText bounds, in bytes, what of a client's own text stands in a line.
const maxText = 512

// Log writes a line for each decision that is worth one. It is safe for
// concurrent use. Make one with [New].
type Log struct {
	logger *slog.Logger
	jwt    *regexp.Regexp // what may be a JWT, or the head of one
}

// New returns a log that writes through handler, which decides the format and
// the place.
func New(handler slog.Handler) *Log {
	// `{"` in base64url, and no less than the shortest JOSE header has behind
	// it; every library writes its headers so.
	return &Log{logger: slog.New(handler), jwt: regexp.MustCompile(`eyJ[A-Za-z0-9_-]{16}[A-Za-z0-9_.-]*`)}
}

// Write writes the line of a denied request, or of one whose token failed and
// that went on without identity. Other decisions have none.
func (l *Log) Write(ctx context.Context, r *gate.Request, d *gate.Decision) {
	if d.Verdict == gate.VerdictAllow && d.Reason != gate.ReasonAnonymousInvalid {
		return
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, "decision",
		slog.String("decision", d.ID),
		slog.String("request_id", l.clean(r.Header("x-request-id"))),
		slog.String("route", d.Route),
		slog.String("verdict", string(d.Verdict)),
		slog.String("reason", string(d.Reason)),
		slog.String("detail", l.clean(d.Detail)),
		slog.String("issuer", d.Issuer),
		slog.String("subject", l.clean(d.Subject)),
		slog.String("kid", l.clean(d.KeyID)),
		slog.String("method", l.clean(r.Method)),
		slog.String("host", l.clean(r.Host)),
		slog.String("path", l.clean(r.Path())),
		slog.String("source", r.Source),
		slog.Int64("duration_us", d.Elapsed.Microseconds()),
		slog.String("config", d.ConfigHash),
	)
}

// clean bounds a client's own text, and takes out of it what may be a token,
// what is not UTF-8, and the control characters beyond ASCII, which JSON does not
// escape and some readers of logs take for the end of a line.
func (l *Log) clean(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = strings.Map(func(r rune) rune {
		if r >= 0x7f && unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, text)
	return l.jwt.ReplaceAllString(text, "(token)")
}
