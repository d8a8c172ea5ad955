package gate_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/gate"
	"github.com/jwtgate/jwtgate/internal/request"
)

// Only pages of a listed origin can read responses and denials. Denials vary with the
// origin, for caches.
func TestCORSOfAnswers(t *testing.T) {
	const (
		vary    = "vary: Origin"
		allowed = "access-control-allow-origin: https://app.example"
		expose  = "access-control-expose-headers: WWW-Authenticate, Retry-After"
		cookies = "access-control-allow-credentials: true"
	)
	app := "origin: https://app.example"
	for config, rows := range map[string][]struct {
		name   string
		fields []string
		want   []string
	}{
		"": {{"no config", []string{app}, nil}},
		"cors: {origins: [\"https://app.example\", \"http://localhost:3000\"]}\n": {
			{"its origin", []string{app}, []string{vary, allowed, expose}},
			{"a name in capitals", []string{"Origin: https://app.example"}, []string{vary, allowed, expose}},
			{"the other one", []string{"origin: http://localhost:3000"},
				[]string{vary, "access-control-allow-origin: http://localhost:3000", expose}},
			{"none", nil, []string{vary}},
			{"an empty one", []string{"origin: "}, []string{vary}},
			{"null", []string{"origin: null"}, []string{vary}},
			{"another scheme", []string{"origin: http://app.example"}, []string{vary}},
			{"another port", []string{"origin: https://app.example:8443"}, []string{vary}},
			{"capitals", []string{"origin: https://APP.example"}, []string{vary}},
			{"a name below it", []string{"origin: https://x.app.example"}, []string{vary}},
			{"a name that begins with it", []string{"origin: https://app.example.evil.example"}, []string{vary}},
			{"two joined", []string{"origin: https://app.example,https://evil.example"}, []string{vary}},
		},
		"cors: {origins: [\"https://app.example\"], credentials: true}\n": {
			{"its origin, with cookies", []string{app}, []string{vary, allowed, expose, cookies}},
			{"another, with cookies", []string{"origin: https://evil.example"}, []string{vary}},
		},
	} {
		w := startWith(t, issuersYAML+config+routesYAML)
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				for target, reason := range map[string]gate.Reason{
					"/strict": "credential_missing", "/closed/x": "route_denied", "/a//b": "path_refused",
				} {
					d := w.decide(t, get(target, row.fields...))
					if d.Reason != reason {
						t.Fatalf("%s: %s, want %s", target, d.Reason, reason)
					}
					checkFields(t, d.Denial.CORS, row.want)
				}
				d := w.decide(t, get("/open/x", row.fields...))
				if d.Reason != gate.ReasonPublic || len(d.Set) > 0 {
					t.Errorf("allowed (%s), and %v is set", d.Reason, d.Set)
				}
				// The response to an allowed request is for the same origins; whether it
				// varies is the application's decision.
				var want []string
				if len(row.want) > 1 {
					want = row.want[1:]
				}
				checkFields(t, d.AddToResponse, want)
			})
		}
	}
}

func checkFields(t *testing.T, got []request.Header, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("fields %v, want %q", got, want)
		return
	}
	for i, h := range got {
		if text := h.Name + ": " + h.Value; text != want[i] {
			t.Errorf("field %q, want %q", text, want[i])
		}
	}
}
