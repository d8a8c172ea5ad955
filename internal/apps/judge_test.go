//go:build apps

package apps

import (
	"strings"
	"testing"
)

// TestJudge: a handler that ran for a caller without the right to it is found,
// and so is an identity that is wrong or missing.
func TestJudge(t *testing.T) {
	mallory := caller{subject: "mallory", token: "valid"}
	alice := caller{subject: "alice", groups: "admin", token: "valid"}
	ran := func(handler, user, groups string) []handlerRun {
		return []handlerRun{{Handler: handler, User: user, Groups: groups, ID: "victim", Host: "admin.example"}}
	}
	for _, c := range []struct {
		name   string
		by     caller
		row    row
		status int
		runs   []handlerRun
		want   string // part of the one fault; "" for none
	}{
		{"a closed handler without a token", caller{}, row{}, 200, ran("admin-users", "nobody", ""), "no right"},
		{"a closed handler without the group", mallory, row{}, 200, ran("admin-users", "mallory", ""), "no right"},
		{"a closed handler whose answer is an error", mallory, row{}, 404, ran("admin-report", "mallory", ""), "no right"},
		{"another user's profile", mallory, row{}, 200, ran("profile", "mallory", ""), "no right"},
		{"a forged user on a public page", caller{}, row{}, 200, ran("health", "root", ""), `received user "root"`},
		{"a right with the identity lost", alice, row{}, 200, ran("admin-users", "nobody", ""), `received user "nobody"`},
		{"a right with the groups lost", alice, row{}, 200, ran("admin-users", "alice", ""), `in groups ""`},
		{"a success that no handler recorded", mallory, row{}, 200, nil, "no handler"},
		{"a plain request that is denied", alice, row{want: "admin-users"}, 403, nil, "expected 200"},
		{"a plain request to the wrong handler", alice, row{want: "admin-users"}, 200, ran("health", "alice", "admin"), "expected 200"},
		{"a denial without its reason", mallory, row{reason: "group_missing"}, 403, nil, "expected reason"},
		{"a right", alice, row{}, 200, ran("admin-users", "alice", "admin"), ""},
		{"a public page", mallory, row{}, 200, ran("health", "nobody", ""), ""},
		{"a denial", mallory, row{}, 403, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := exchange{row: c.row, by: c.by, answer: answer{status: c.status}}.judge(readmePolicy, c.runs)
			if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], c.want)) {
				t.Errorf("faults %q; expected one with %q", faults, c.want)
			}
		})
	}
}

// TestRowsHaveNames: each request has a unique name, and each class of attacks
// that reaches an application has requests.
func TestRowsHaveNames(t *testing.T) {
	attacks := map[string]bool{}
	for name, rows := range map[string][]row{"readme": readmeRows(callers{}), "probes": probesRows(callers{})} {
		seen := map[string]bool{}
		for _, r := range rows {
			id := r.attack + ": " + r.name
			if r.name == "" || seen[id] {
				t.Errorf("%s: the row %q has no unique name", name, id)
			}
			seen[id] = true
			attacks[r.attack] = true
		}
		t.Logf("%s: %d rows", name, len(rows))
	}
	for _, app := range applications() {
		for _, attack := range append(anyApplication(), app.reachedBy...) {
			if !attacks[attack] {
				t.Errorf("%s is reached by %q, and no row tries it", app.name, attack)
			}
		}
	}
}
