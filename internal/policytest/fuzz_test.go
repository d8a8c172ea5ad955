package policytest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/policytest"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

// FuzzLoad: any file has cases with different positions, or mistakes with positions
// inside the file and texts of one line.
func FuzzLoad(f *testing.F) {
	cfg := testbed.Config(f, twoIssuers+someRoutes)
	seed, err := os.ReadFile(filepath.Join("testdata", "cases.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	for _, yaml := range []string{
		"", "cases:", "cases: []", "cases: [{}]", "cases: [{request: GET /, expect: {reason: allowed}}]",
		one("request: {path: /, headers: {a: [b, c]}, route: x}", "token: {issuer: cruddur, claims: {a: [1, {b: null}]}}", "in: {cookie: a}",
			"at: +2h", okay),
		one("request: !!str GET /", "token: {raw: x}", "expect: {verdict: deny, removed: [a]}"),
		"tokens: {a: &b {claims: {exp: 0x1}}}\ncases: [*b, <<, [?]: 1]", "cases: [", "a: {b: [{", "? [a]: b", "\"\\x00\": 1", "--- a\n--- b",
	} {
		f.Add(yaml)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		cases, err := policytest.Parse("cases.yaml", []byte(yaml), cfg)
		var mistakes config.Mistakes
		if err != nil && (!errors.As(err, &mistakes) || len(mistakes) == 0) {
			t.Fatalf("got an error that is not of type Mistakes: %v", err)
		}
		lines := strings.Count(yaml, "\n") + 1
		for _, m := range mistakes {
			if m.Pos.File != "cases.yaml" || m.Pos.Line < 1 || m.Pos.Line > lines || m.Pos.Column < 1 || strings.ContainsAny(m.Text, "\n\r") ||
				m.Text == "" {
				t.Errorf("%q of %d lines: %#v", yaml, lines, m)
			}
		}
		if err == nil && len(cases) == 0 {
			t.Errorf("%q has neither cases nor mistakes", yaml)
		}
		for i, c := range cases {
			if err == nil && (c.Name == "" || strings.ContainsAny(c.Name, "\n\r") || c.Pos.Line < 1) {
				t.Errorf("%q: case %d is %+v", yaml, i, c)
			}
		}
	})
}
