package extauthz_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/gate"
)

// A preflight that is refused because of preflight: check is logged once a minute for each
// route, with the setting that would answer it. No other denial is logged.
func TestPreflightHints(t *testing.T) {
	var out bytes.Buffer
	observe := extauthz.PreflightHints(slog.New(slog.NewTextHandler(&out, nil)))
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, row := range []struct {
		name    string
		route   string
		after   time.Duration
		checked bool
		logged  bool
	}{
		{"the first", "orders", 0, true, true},
		{"another within the minute", "orders", 59 * time.Second, true, false},
		{"one of another route", "users", 59 * time.Second, true, true},
		{"after a minute", "orders", time.Minute, true, true},
		{"within the next", "orders", 2*time.Minute - 1, true, false},
		{"no preflight", "other", 0, false, false},
		{"the clock was set back", "orders", -time.Hour, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			out.Reset()
			observe(t.Context(), &gate.Decision{Route: row.route, Reason: gate.ReasonCredentialMissing, Time: begin.Add(row.after),
				PreflightChecked: row.checked})
			if got := out.String(); (got != "") != row.logged || row.logged &&
				(!strings.Contains(got, "cors.origins") || !strings.Contains(got, "route="+row.route)) {
				t.Errorf("logged %q", got)
			}
		})
	}
}

// The server logs a refused preflight once per route and minute.
func TestRefusedPreflightIsLogged(t *testing.T) {
	f := start(t)
	ask := func(r ...string) { f.ask(t, newRequest("OPTIONS", "/readers", r...)) }
	hints := func() (found int) {
		for _, line := range f.logs.all(t) {
			if text, _ := line["msg"].(string); strings.HasPrefix(text, "CORS preflight refused") {
				found++
			}
		}
		return found
	}
	ask("origin: https://app.example")
	if got := hints(); got != 0 {
		t.Errorf("got %d log lines for a request that is not a preflight", got)
	}
	ask("origin: https://app.example", "access-control-request-method: GET")
	ask("origin: https://app.example", "access-control-request-method: GET")
	if got := hints(); got != 1 {
		t.Errorf("got %d log lines for two preflights, want 1", got)
	}
}
