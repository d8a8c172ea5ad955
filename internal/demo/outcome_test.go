package demo_test

import (
	"testing"

	"github.com/jwtgate/jwtgate/internal/demo"
)

func TestOutcomeTexts(t *testing.T) {
	for _, row := range []struct {
		name        string
		outcome     demo.Outcome
		full, brief string
	}{
		{"nobody", demo.Outcome{Status: 200, Reached: true},
			"200, the application sees nobody", "200  nobody"},
		{"a user", demo.Outcome{Status: 200, Reached: true,
			Identity: map[string]string{"x-user-name": "n", "x-user-id": "1", "x-user-kind": "user"}},
			"200, the application sees x-user-id: 1, x-user-kind: user, x-user-name: n", "200  x-user-id: 1, x-user-name: n"},
		{"a user with a token", demo.Outcome{Status: 200, Reached: true, Identity: map[string]string{"x-user-id": "1"}, Token: true},
			"200, the application sees x-user-id: 1, and a token", "200  x-user-id: 1"},
		{"denied", demo.Outcome{Status: 401, Reason: "expired"},
			"401 expired, the application is not called", "401  expired"},
		{"denied, but the application was called", demo.Outcome{Status: 401, Reason: "expired", Reached: true},
			"401 expired, the application sees nobody", "401  expired"},
		{"denied without a reason", demo.Outcome{Status: 503},
			"503, the application is not called", "503  nobody"},
		{"readable", demo.Outcome{Status: 401, Reason: "credential_missing", Readable: true},
			"401 credential_missing, the application is not called, the page may read it", "401  credential_missing"},
		{"no response", demo.Outcome{Failure: "connection refused"},
			"no response: connection refused", "0  nobody"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.outcome.String(); got != row.full {
				t.Errorf("String: got %q; expected %q", got, row.full)
			}
			if got := row.outcome.Brief(); got != row.brief {
				t.Errorf("Brief: got %q; expected %q", got, row.brief)
			}
		})
	}
}

// A difference in any field makes a step fail.
func TestOutcomesDifferInEachField(t *testing.T) {
	is := func() demo.Outcome {
		return demo.Outcome{Status: 200, Reason: "none", Reached: true, Identity: map[string]string{"x-user-id": "1"}}
	}
	if !is().Equal(is()) {
		t.Error("an outcome differs from itself")
	}
	for name, change := range map[string]func(*demo.Outcome){
		"no response":           func(o *demo.Outcome) { o.Failure = "refused" },
		"status":                func(o *demo.Outcome) { o.Status = 401 },
		"reason":                func(o *demo.Outcome) { o.Reason = "expired" },
		"not reached":           func(o *demo.Outcome) { o.Reached = false },
		"another user":          func(o *demo.Outcome) { o.Identity["x-user-id"] = "2" },
		"one header more":       func(o *demo.Outcome) { o.Identity["x_user_id"] = "root" },
		"one header less":       func(o *demo.Outcome) { o.Identity = nil },
		"a token":               func(o *demo.Outcome) { o.Token = true },
		"readable by some page": func(o *demo.Outcome) { o.Readable = true },
	} {
		t.Run(name, func(t *testing.T) {
			changed := is()
			change(&changed)
			if is().Equal(changed) || changed.Equal(is()) {
				t.Errorf("%s equals %s", changed, is())
			}
		})
	}
}
