package config_test

import (
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
)

// TestConditions: the text of a condition is not changed.
func TestConditions(t *testing.T) {
	for _, row := range []struct{ name, yaml, want string }{
		{"plain", "token.subject == path.id", "token.subject == path.id"},
		{"a variable", "'\"${A}\" != \"$${A}\"'", `"${A}" != "$${A}"`},
		{"what is no variable", "'\"${\" != \"\"'", `"${" != ""`},
		{"only a variable", "${A}", "${A}"},
		{"a quoted word", "'true'", "true"},
		{"a quoted number", `"1"`, "1"},
		{"a block", "|\n      a ||\n        b\n", "a ||\n  b\n"},
		{"a folded block", ">-\n      a ||\n      b\n", "a || b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := parse(t, pool+"routes:\n  - match: /a\n    when: "+row.yaml+"\n", "A=true")
			if got := c.Routes[0].Requirement.When; got != row.want {
				t.Errorf("%s is %q, want %q", row.yaml, got, row.want)
			}
		})
	}
}

func TestConditionMistakes(t *testing.T) {
	const expected = "; expected a condition in CEL, such as token.subject == path.id"
	for yaml, text := range map[string]string{
		"":             "4:5: routes[0].when has no value; set it to a condition in CEL, such as token.subject == path.id, or remove the key",
		"null":         "4:11: routes[0].when has no value; set it to a condition in CEL, such as token.subject == path.id, or remove the key",
		"''":           "4:11: routes[0].when is empty" + expected,
		"' '":          "4:11: routes[0].when is empty" + expected,
		"[a == b]":     "4:5: routes[0].when is a list" + expected,
		"{a: b}":       "4:5: routes[0].when is a mapping" + expected,
		"1":            "4:11: routes[0].when is not a string: got 1" + expected,
		"true":         "4:11: routes[0].when is not a string: got true" + expected,
		"!token.valid": `4:11: YAML tags are not supported: got "!token.valid"; put a string in quotes instead`,
	} {
		t.Run(yaml, func(t *testing.T) {
			got := mistakes(t, pool+"routes:\n  - match: /a\n    when: "+yaml+"\n")
			same(t, got[:1], []string{text})
		})
	}
	same(t, mistakes(t, pool+"routes:\n  - match: /a\n    when: \"a\" in token.groups\n"), []string{
		`4:15: invalid YAML: did not find expected key (while parsing a block mapping that begins at 3:5); check the indentation, and put a ` +
			`value that begins with a quote, [ or { in quotes as a whole`})
	for _, access := range []string{"public", "optional", "deny"} {
		same(t, mistakes(t, pool+"routes: [{match: /a, when: a == b, access: "+access+"}]\n"),
			[]string{`2:28: routes[0].when is a requirement for a token, but this route is ` + access + `; write access: required, or remove it`})
	}
	const two = "issuers:\n  a: {cognito: us-west-1_a, clients: [c], prefix: ''}\n  b: {cognito: us-west-1_b, clients: [c], prefix: 'b:'}\n"
	same(t, mistakes(t, two+"routes: [{match: /a, when: x}]\n"), []string{
		`4:10: routes[0] has no issuers; with more than one issuer, a route with groups, scopes, clients, when, max_auth_age or acr needs ` +
			`them; write issuers: [a, b], or only some of them`})
	parse(t, two+"routes: [{match: /a, when: x, issuers: [b]}]\n")
}

// TestMistakeWithin: ▸ marks the position of the mistake in each condition. If the
// condition is on one line without quotes, the mistake has this position. Otherwise it
// has the position of the condition, and names the line and column in its text.
func TestMistakeWithin(t *testing.T) {
	for _, row := range []struct {
		name, when   string
		line, column int
		words        string
	}{
		{"plain", "token.subject ▸== path.id", 1, 14, ""},
		{"plain, first character", "▸token.subject", 1, 0, ""},
		{"plain, behind the last", "token.subject▸", 1, 13, ""},
		{"plain, far behind", "token.subject▸", 1, 100, ""},
		{"plain, a line too many", "token.subject▸", 2, 3, ""},
		{"plain, with more than ASCII", "x != 'été' ▸== x", 1, 11, ""},
		{"plain, with a comment", "a ▸== b # c", 1, 2, ""},
		{"plain, over two lines", "▸token.subject\n      == path.id", 1, 17, "line 1, column 18"},
		{"single quotes", "▸'a == ''b'' && c'", 1, 9, "line 1, column 10"},
		{"single quotes, the beginning", "▸'a == b'", 1, 0, ""},
		{"single quotes, far behind", "▸'a == b'", 2, 100, "line 1, column 7"},
		{"double quotes", `▸"a == \"\u00e9\" && c"`, 1, 9, "line 1, column 10"},
		{"double quotes with a line break", `▸"a ==\n\nb"`, 3, 0, "line 3, column 1"},
		{"a block", "▸|\n      a ==\n      b || c\n", 2, 2, "line 2, column 3"},
		{"a block, behind its last line", "▸|\n      a ==\n", 2, 0, "line 1, column 5"},
		{"folded", "▸>\n      a ==\n      b\n", 1, 5, "line 1, column 6"},
		{"no line", "▸a == b", 0, 3, ""},
		{"no column", "▸'a == b'", 1, -1, ""},
	} {
		for name, ends := range map[string]string{row.name: "\n", row.name + ", Windows line ends": "\r\n"} {
			t.Run(name, func(t *testing.T) {
				marked := pool + "routes:\n  - match: /a\n    when: " + row.when + "\n    forward: true\n"
				before, _, _ := strings.Cut(marked, "▸")
				pos := config.Pos{
					File: "gate.yaml", Line: strings.Count(before, "\n") + 1, Column: len([]rune(before[strings.LastIndex(before, "\n"):])),
				}
				want := "routes[0].when: no such thing"
				if row.words != "" {
					want = "routes[0].when: " + row.words + " of the condition: no such thing"
				}
				clean := strings.NewReplacer("▸", "", "\n", ends).Replace(marked)
				m := parse(t, clean).MistakeWithin("routes[0].when", row.line, row.column, "no such %s", "thing")
				if m.Pos != pos || m.Text != want {
					t.Errorf("got %v %q, want %v %q", m.Pos, m.Text, pos, want)
				}
			})
		}
	}
	c := parse(t, "routes: [{match: /a}]\n"+pool)
	if got, want := c.MistakeWithin("routes[0].when", 1, 5, "x").Error(), "gate.yaml:1:10: routes[0].when: x"; got != want {
		t.Errorf("without a condition: %q, want %q", got, want)
	}
	if got, want := c.MistakeWithin("routes[0].match", 1, 1, "x").Error(), "gate.yaml:1:18: routes[0].match: x"; got != want {
		t.Errorf("in another text: %q, want %q", got, want)
	}
}
