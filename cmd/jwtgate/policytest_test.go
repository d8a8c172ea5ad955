package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil"
)

const casesYAML = `cases:
  - {name: health, request: GET /api/health, expect: {reason: public}}
  - name: an admin
    request: GET /admin/1
    token: {issuer: home, claims: {sub: alice, groups: [admin]}}
    expect: {verdict: allow, headers: {x-user-id: alice}}
`

const testedYAML = `issuers:
  home: {issuer: "https://home.example/", audiences: [orders-api]}
routes:
  - {name: health, match: GET /api/health, access: public}
  - {name: admin,  match: /admin/**, groups: [admin]}
  - {name: other,  match: /other}
`

// TestPolicyTestCommand: the exit code tells whether the cases pass, fail or are invalid.
// The JUnit file is written whenever cases ran.
func TestPolicyTestCommand(t *testing.T) {
	alone(t)
	config := testutil.File(t, "jwtgate.yaml", testedYAML)
	cases := testutil.File(t, "cases.yaml", casesYAML)
	failing := testutil.File(t, "failing.yaml", strings.Replace(casesYAML, "x-user-id: alice", "x-user-id: bob", 1))
	wrong := testutil.File(t, "wrong.yaml", "cases:\n  - {request: GET /x, expect: {reason: alowed}}\n  - {request: GET /y}\n")
	for _, row := range []struct {
		name     string
		args     []string
		code     int
		out, err []string
	}{
		{"pass", []string{"--config", config, cases}, exitYes, []string{"2 cases", "other"}, nil},
		{"fail", []string{"--config", config, failing}, exitNo, []string{"an admin", `"bob"`, `"alice"`}, nil},
		{"one of two files fails", []string{"--config", config, cases, failing}, exitNo, []string{"4 cases"}, nil},
		{"mistakes in the cases", []string{"--config", config, wrong}, exitNo, []string{"wrong.yaml:2:", "wrong.yaml:3:", "2 mistakes"}, nil},
		{"mistakes in the config", []string{"--config", testutil.File(t, "bad.yaml", "rotues: []\n"), cases},
			exitNo, []string{"bad.yaml:1:1: "}, nil},
		{"no config", []string{cases}, exitFailure, nil, []string{"missing flags: --config=FILE; see jwtgate test --help"}},
		{"no cases", []string{"--config", config}, exitFailure, nil, []string{`expected "<cases> ..."; see jwtgate test --help`}},
		{"a config that is not there", []string{"--config", "nowhere.yaml", cases}, exitFailure, nil, []string{"nowhere.yaml"}},
		{"cases that are not there", []string{"--config", config, "nowhere.yaml"}, exitFailure, nil, []string{"nowhere.yaml"}},
		{"results that cannot be written",
			[]string{"--config", config, "--junit", filepath.Join(t.TempDir(), "no", "results.xml"), cases}, exitFailure,
			[]string{"2 cases"}, []string{"writing the results: "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			command(t, append([]string{"test"}, row.args...)...).holds(t, row.code, row.out, row.err)
		})
	}
	for file, want := range map[string]string{cases: `failures="0"`, failing: `failures="1"`} {
		results := filepath.Join(t.TempDir(), "results.xml")
		command(t, "test", "--config", config, "--junit", results, file)
		text, err := os.ReadFile(results)
		if err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), `<testcase`) {
			t.Errorf("%s: %v\n%s", file, err, text)
		}
	}
}
