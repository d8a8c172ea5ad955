//go:build !race

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestHeadersOfOnesOwn: for a configuration that reads or sets headers of its own, `jwtgate
// check` prints an edit of the shipped Envoy file: without it requests are denied, with it
// they pass.
func TestHeadersOfOnesOwn(t *testing.T) {
	for _, row := range []struct {
		name, config string
		edit         envoy.Edit
		header       func(token string) []string
		// wantStatus and wantReason are the answer with the shipped file.
		wantStatus int
		wantReason string
		wantNote   string
		wantSeen   map[string]string // what the application receives with the edit
	}{
		{
			name: "an identity header", config: "identity: {headers: {x-team: 'custom:team'}}\n",
			edit:       envoy.Edit{Identity: append(envoy.IdentityNames(), "x-team")},
			header:     func(token string) []string { return []string{bearer(token), "x.team: forged", "x_team: forged"} },
			wantStatus: http.StatusInternalServerError, wantNote: "add x[^a-z0-9]team to the lines marked `edit: identity`",
			wantSeen: map[string]string{"X-Team": "blue", "X.team": "", "X_team": ""},
		},
		{
			name: "a token's header", config: "tokens: {from: [{header: x-jwt}]}\n",
			edit:       envoy.Edit{Tokens: []string{"x-jwt"}},
			header:     func(token string) []string { return []string{"x-jwt: " + token} },
			wantStatus: http.StatusUnauthorized, wantReason: "credential_missing", wantNote: "`edit: tokens`",
			wantSeen: map[string]string{"X-Jwt": ""},
		},
		{
			name: "a condition's header", config: "routes: [{match: /**, issuers: [cruddur], when: 'request.headers[\"x-tenant\"] == \"a\"'}]\n",
			edit:       envoy.Edit{Conditions: []string{"x-tenant"}},
			header:     func(token string) []string { return []string{bearer(token), "x-tenant: a"} },
			wantStatus: http.StatusForbidden, wantReason: "condition_error", wantNote: "`edit: conditions`",
			wantSeen: map[string]string{"X-Tenant": "a"},
		},
		{
			name:       "a condition on any header",
			config:     "routes: [{match: /**, issuers: [cruddur], when: 'request.headers.exists(n, n.startsWith(\"x-ten\"))'}]\n",
			edit:       envoy.Edit{SendAll: true},
			header:     func(token string) []string { return []string{bearer(token), "x-tenant: a"} },
			wantStatus: http.StatusForbidden, wantReason: "condition_false", wantNote: `- safe_regex: { regex: ".*" }`,
			wantSeen: map[string]string{"X-Tenant": "a"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := startConfigured(t, row.config)
			if check := jwtgate(t, c.issuers.environment(), "check", "--config", c.file); check.code != 0 ||
				!strings.Contains(check.stdout, row.wantNote) {
				t.Errorf("check does not say %q: %d %s", row.wantNote, check.code, check.stdout)
			}
			request := call{line: "GET /orders", headers: row.header(mint(t, c.issuers.cruddur, access(map[string]any{"custom:team": "blue"})))}
			got := http1(t, c.shipped.address, request)
			if got.Status != row.wantStatus || row.wantReason != "" && got.problem(t).Reason != row.wantReason {
				t.Errorf("with the shipped file: %d %s, want %d %s", got.Status, got.Body, row.wantStatus, row.wantReason)
			}
			if seen := c.application.take(); len(seen) != 0 {
				t.Errorf("with the shipped file the application received %v", seen)
			}
			edit := row.edit
			edit.Listen, edit.Admin, edit.Gate, edit.App = freeAddress(t), freeAddress(t), c.gate.address, c.application.address
			file, err := envoy.Bootstrap(edit)
			if err != nil {
				t.Fatal(err)
			}
			validate(t, testutil.File(t, "envoy.yaml", string(file)))
			edited := startEnvoy(t, file, edit.Listen, edit.Admin)
			if got := http1(t, edited.address, request); got.Status != http.StatusOK {
				t.Fatalf("with the edited file: %d %s, want 200", got.Status, got.Body)
			}
			header := c.application.only(t).Header
			if header.Get("X-User-Id") != "4f0c5b8e-ann" {
				t.Errorf("the application received %v", header)
			}
			for name, want := range row.wantSeen {
				if got := strings.Join(header[name], " AND "); got != want {
					t.Errorf("the application received %s %.20q, want %q", name, got, want)
				}
			}
		})
	}
}
