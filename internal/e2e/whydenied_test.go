//go:build !race

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// TestWhyWasItDenied: with the decision id of a denied response, one command prints the
// reason and what to change; when the server has forgotten the decision, the audit line
// does.
func TestWhyWasItDenied(t *testing.T) {
	c := startConfigured(t, `routes:
  - {name: admin, match: '/api/admin/**', issuers: [cruddur], groups: [admin]}
  - {name: own, match: 'GET /api/users/{id}', issuers: [cruddur], when: token.subject == path.id}
`)
	tests := []struct {
		name     string
		call     call
		reason   string
		decision string
		want     []string // in the explanation, whichever way it was had
	}{
		{name: "a group that is missing",
			call: call{line: "GET /api/admin/users",
				headers: []string{c.user(t, map[string]any{"cognito:groups": []string{"staff"}})}}, reason: "group_missing",
			want: []string{"(HTTP 403)", "4f0c5b8e-ann", "GET /api/admin/users", "hint:", "admin"}},
		{name: "a condition that does not hold", call: call{line: "GET /api/users/bob", headers: []string{c.user(t, nil)}},
			reason: "condition_false", want: []string{"(HTTP 403)", "own", "token.subject == path.id"}},
		{name: "no token", call: call{line: "GET /api/other?access_token=secret"}, reason: "credential_missing",
			want: []string{"(HTTP 401)", "default", "GET /api/other"}},
		{name: "another pool's token",
			call:   call{line: "GET /api/other", headers: []string{bearer(mint(t, c.issuers.foreign, access(nil)))}},
			reason: "issuer_unknown", want: []string{"(HTTP 401)", "hint:"}},
		{name: "a refused path", call: call{line: "GET /api/a;b"}, reason: "path_refused",
			want: []string{"(HTTP 400)", "a semicolon", "hint:"}},
	}
	explained := func(t *testing.T, got result, reason, decision string, want []string) {
		t.Helper()
		if got.code != 1 {
			t.Errorf("exit code %d, want 1: %s", got.code, got.stderr)
		}
		for _, text := range append(want, "deny: "+reason, "decision "+decision) {
			if !strings.Contains(got.stdout, text) {
				t.Errorf("it does not say %q:\n%s", text, got.stdout)
			}
		}
		if strings.Contains(got.stdout, "secret") || programs.Token(got.stdout) != "" {
			t.Errorf("it tells a token:\n%s", got.stdout)
		}
	}
	for i := range tests {
		test := &tests[i]
		t.Run(test.name, func(t *testing.T) {
			told := http1(t, c.shipped.address, test.call).problem(t)
			if test.decision = told.Decision; told.Reason != test.reason {
				t.Fatalf("denied for %s, want %s", told.Reason, test.reason)
			}
			explained(t, jwtgate(t, nil, "explain", "--decision", test.decision, "--server", freeAddress(t)+","+c.gate.admin),
				test.reason, test.decision, test.want)
		})
	}

	eventually(t, 2*time.Second, "the audit lines", func() error {
		if lines := c.gate.logged(t, "decision"); len(lines) != len(tests) {
			return fmt.Errorf("%d of %d", len(lines), len(tests))
		}
		return nil
	})
	// A restart at the same address, as of a replica, forgets the decision.
	log := testutil.File(t, "jwtgate.log", c.gate.Output.String())
	c.gate.Kill()
	again := startServe(t, c.gate.address, c.gate.admin, []string{"--config", c.file}, c.issuers.environment())
	again.waitServing(t)
	for _, test := range tests {
		t.Run(test.name+", forgotten", func(t *testing.T) {
			replica, _, _ := strings.Cut(test.decision, "-")
			got := jwtgate(t, nil, "explain", "--decision", test.decision, "--server", again.admin)
			if got.code != 2 || got.stdout != "" {
				t.Errorf("exit code %d, want 2: %s", got.code, got.stdout)
			}
			for _, text := range []string{test.decision, "replica " + replica, again.admin, "--audit-line"} {
				if !strings.Contains(got.stderr, text) {
					t.Errorf("it does not say %q:\n%s", text, got.stderr)
				}
			}
			var line string
			for text := range strings.Lines(read(t, log)) {
				if strings.Contains(text, test.decision) {
					line += "gate-7f9c | " + text // as a collector of logs writes it
				}
			}
			explained(t, jwtgate(t, nil, "explain", "--audit-line", testutil.File(t, "line.txt", line)), test.reason, test.decision, test.want)
		})
	}
}
