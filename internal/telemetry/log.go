package telemetry

import (
	"io"
	"log/slog"
)

// NewHandler returns a JSON handler for the program's log. It writes times in UTC
// and durations as text such as "1m30s".
func NewHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
				return slog.Time(slog.TimeKey, a.Value.Time().UTC())
			}
			if a.Value.Kind() == slog.KindDuration { // slog writes nanoseconds
				return slog.String(a.Key, a.Value.Duration().String())
			}
			return a
		},
	})
}
