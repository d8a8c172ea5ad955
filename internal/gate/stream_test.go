package gate_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

const streamsYAML = `
issuers:
  home: {issuer: "${HOME_ISS}", prefix: "", audiences: [orders-api], algorithms: [ES256], leeway: 10s, dangerously_allow_http: true}
  dark: {issuer: "${DARK_ISS}", prefix: "dark:", audiences: [orders-api], algorithms: [ES256], dangerously_allow_http: true}
routes:
  - {name: events,  match: /events,  end_streams_at_expiry: true}
  - {name: maybe,   match: /maybe,   access: optional, if_invalid: anonymous, end_streams_at_expiry: true}
  - {name: shade,   match: /shade,   shadow: true, end_streams_at_expiry: true}
  - {name: endless, match: /endless}
`

const streamField = "x-envoy-upstream-stream-duration-ms"

// A stream ends when its token expires, after the leeway, and in any case after a year. Without
// a verified token, the header is not set.
func TestEndStreamsAtExpiry(t *testing.T) {
	w := startWith(t, streamsYAML)
	now := time.Now().Truncate(time.Second) // exp is in whole seconds
	g := open(t, w.cfg, gate.Options{Logger: quiet(), Now: func() time.Time { return now }})
	at := func(exp time.Duration) string {
		return bearer(sign(t, w.home, nil, claims(map[string]any{"exp": now.Add(exp).Unix(), "iat": nil})))
	}
	const year = 365 * 24 * time.Hour
	for _, row := range []struct {
		name string
		r    *request.Request
		want gate.Reason
		ms   string
	}{
		{"an hour", get("/events", at(time.Hour)), "allowed", "3610000"},
		{"within the leeway", get("/events", at(-9*time.Second)), "allowed", "1000"},
		{"just expired", get("/events", at(-10*time.Second)), "expired", ""},
		{"more than a year", get("/events", at(2*year)), "allowed", strconv.FormatInt(year.Milliseconds(), 10)},
		{"an optional route", get("/maybe", at(time.Minute)), "allowed", "70000"},
		{"nobody", get("/maybe"), "anonymous", ""},
		{"nobody who is known", get("/maybe", at(-time.Hour)), "anonymous_invalid", ""},
		{"in shadow", get("/shade", at(-time.Hour)), "shadowed", ""},
		{"another route", get("/endless", at(time.Hour)), "allowed", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := g.Decide(t.Context(), row.r)
			consistent(t, d)
			if d.Reason != row.want {
				t.Fatalf("%s (%s), want %s", d.Reason, d.InternalDetail, row.want)
			}
			got := ""
			for h := range d.Set.All() {
				if h.Name == streamField {
					got += h.Value
				}
			}
			if got != row.ms {
				t.Errorf("%s: %q, want %q", streamField, got, row.ms)
			}
		})
	}
}

// To Envoy, a duration of 0 means no limit, so the duration is never 0, not even in the last
// millisecond of a token.
func TestStreamOfTheLastMomentEnds(t *testing.T) {
	w := startWith(t, streamsYAML)
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	raw := bearer(sign(t, w.home, nil, claims(map[string]any{"exp": exp.Unix()})))
	end := exp.Add(10 * time.Second)
	for before, want := range map[time.Duration]string{
		time.Nanosecond: "1", time.Microsecond: "1", 999 * time.Microsecond: "1", time.Millisecond: "1",
		1999 * time.Microsecond: "1", 2 * time.Millisecond: "2",
	} {
		e := w.gate.Explain(t.Context(), get("/events", raw), end.Add(-before))
		set := e.Decision.Set.List()
		last := set[len(set)-1]
		if e.Decision.Reason != gate.ReasonAllowed || last.Name != streamField || last.Value != want {
			t.Errorf("%v before the end: %s, %s: %q, want %q", before, e.Decision.Reason, last.Name, last.Value, want)
		}
	}
	if e := w.gate.Explain(t.Context(), get("/events", raw), end); e.Decision.Reason != gate.ReasonExpired {
		t.Errorf("at the end: %s", e.Decision.Reason)
	}
}
