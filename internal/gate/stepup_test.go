package gate_test

import (
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// TestStepUp: the challenge to a login that is too old, too weak or unknown asks for a better
// login (RFC 9470 section 3).
func TestStepUp(t *testing.T) {
	w := start(t)
	now := time.Now()
	const challenge = `Bearer realm="jwtgate", error="insufficient_user_authentication", max_age=300, acr_values="gold platinum"`
	for name, row := range map[string]struct {
		authTime, acr any
		reason        gate.Reason
	}{
		"fresh and strong":    {now.Unix(), "gold", "allowed"},
		"another class":       {now.Unix(), "platinum", "allowed"},
		"just young enough":   {now.Add(-270 * time.Second).Unix(), "gold", "allowed"},
		"a clock ahead":       {now.Add(10 * time.Second).Unix(), "gold", "allowed"}, // within the leeway
		"too old":             {now.Add(-302 * time.Second).Unix(), "gold", "login_too_old"},
		"in the future":       {now.Add(time.Hour).Unix(), "gold", "login_too_old"},
		"no time":             {nil, "gold", "login_too_old"},
		"a time as text":      {now.Format(time.RFC3339), "gold", "login_too_old"},
		"a time out of range": {1e300, "gold", "login_too_old"},
		"no class":            {now.Unix(), nil, "acr_too_weak"},
		"an empty class":      {now.Unix(), "", "acr_too_weak"},
		"a weaker class":      {now.Unix(), "bronze", "acr_too_weak"},
		"classes in a list":   {now.Unix(), []string{"gold"}, "acr_too_weak"},
		"neither":             {nil, nil, "login_too_old"},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.decide(t, get("/fresh", bearer(mint(t, w.home, claims(map[string]any{"auth_time": row.authTime, "acr": row.acr})))))
			if d.Reason != row.reason {
				t.Fatalf("reason %s, want %s", d.Reason, row.reason)
			}
			if d.Denial != nil && (d.Denial.Status != 401 || d.Denial.Challenge != challenge) {
				t.Errorf("%d %s", d.Denial.Status, d.Denial.Challenge)
			}
		})
	}
}
