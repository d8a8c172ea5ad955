package config_test

import (
	"slices"
	"testing"
)

func TestExpansion(t *testing.T) {
	set := []string{"A=one", "B=two", "EMPTY=", "_x9=under", "DOLLAR=${A}"}
	for _, row := range []struct{ name, text, want string }{
		{"a variable", "${A}", "one"},
		{"several", "a-${A}-${B}-c", "a-one-two-c"},
		{"a default that is not needed", "${A:-x}", "one"},
		{"a default for unset", "${C:-x y}", "x y"},
		{"a default for empty", "${EMPTY:-x}", "x"},
		{"an empty variable", "a${EMPTY}b", "ab"},
		{"an empty default", "a${C:-}b", "ab"},
		{"a default with a colon", "${C:-a:-b}", "a:-b"},
		{"underscore and digits", "${_x9}", "under"},
		{"a literal", "$${A}", "${A}"},
		{"a literal beside a variable", "$${A}${A}", "${A}one"},
		{"a literal after a dollar", "$$${A}", "$${A}"},
		{"a dollar alone", "$A $ $$", "$A $ $$"},
		{"a value is not expanded again", "${DOLLAR}", "${A}"},
		{"braces alone", "{A}", "{A}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := parse(t, pool+"routes:\n  - {match: /a, name: \""+row.text+"\"}\n", set...)
			if got := c.Routes[0].Name; got != row.want {
				t.Errorf("%s is %q, want %q", row.text, got, row.want)
			}
		})
	}
}

func TestExpansionMistakes(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"unset", "${NOT_SET}", `needs the variable NOT_SET, which is not set; set it, or write ${NOT_SET:-default}`},
		{"not closed", "a${A", `has "${A" without its }; write ${VAR}, or $${ for a literal ${`},
		{"no name", "${}", `has "${}", which names no variable; write ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"no name but a default", "${:-x}", `has "${:-x}", which names no variable; write ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"a digit first", "${1A}", `has "${1A}", which names no variable; write ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"another operator", "${A-x}", `has "${A-x}", which names no variable; write ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"a variable in a default", "${C:-${A}}", `has a variable inside the default of C; write the default itself`},
	} {
		t.Run(row.name, func(t *testing.T) {
			same(t, mistakes(t, pool+"routes:\n  - {match: /a, name: \""+row.text+"\"}\n", "A=one"), []string{"3:23: routes[0].name " + row.want})
		})
	}
}

// TestTypedAfterExpansion: an unquoted scalar is typed by what it becomes.
func TestTypedAfterExpansion(t *testing.T) {
	c := parse(t, pool+`
tokens:
  forward: ${FORWARD}
  max_bytes: ${MAX:-4096}
server:
  drain_delay: ${N}s
identity:
  headers:
    x-user-email: ${NOTHING:-null}
`, "FORWARD=true", "N=5")
	if !c.Tokens.Forward || c.Tokens.MaxBytes != 4096 || c.Server.DrainDelay.String() != "5s" || !slices.Equal(c.Identity.Removed, []string{"x-user-email"}) {
		t.Errorf("got %+v, %+v, removed %v", c.Tokens, c.Server, c.Identity.Removed)
	}
	same(t, mistakes(t, pool+`
tokens:
  forward: "${FORWARD}"
  max_bytes: ${FORWARD}
server:
  listen: ${EMPTY}
routes:
  - match: /a
    groups: ["${N}"]
  - match: /b
    groups:
      - ${N}
`, "FORWARD=true", "N=5", "EMPTY="), []string{
		`4:12: tokens.forward is "true"; write true or false, without quotes`,
		`5:14: tokens.max_bytes is "true"; write a whole number of bytes from 256 to 65536, without quotes`,
		`7:11: server.listen has no value; write host:port or unix:PATH, such as 127.0.0.1:9001, or leave the key out`,
		`13:9: routes[1].groups[0] is 5, which is no string; write a group, in quotes where it looks like a number, true or false`,
	})
}

// TestExpansionStaysInItsScalar: whatever a variable holds, it is one value of
// the key that names it.
func TestExpansionStaysInItsScalar(t *testing.T) {
	for _, hostile := range []string{
		"a, b", "a]\ndefault: deny", "a\ndefault: deny", "{all: [a]}", "[a, b]", "*a", "&a b", "!!str a", "a: b", "# a", "a #b", "'a'", "---\na: b", "${A}", "$${A}", "<<",
	} {
		t.Run(hostile, func(t *testing.T) {
			yaml := pool + "routes:\n  - match: /a\n    groups:\n      - ${X}\n    name: ok\n  - match: /b\n    groups: [\"${X}\"]\n"
			if slices.Contains([]string{"a]\ndefault: deny", "a\ndefault: deny", "---\na: b"}, hostile) {
				same(t, mistakes(t, yaml, "X="+hostile), []string{
					"5:9: routes[0].groups[0] is " + quoted(hostile) + ", with white space around it or a control character in it; write a group",
					"8:14: routes[1].groups[0] is " + quoted(hostile) + ", with white space around it or a control character in it; write a group",
				})
				return
			}
			c := parse(t, yaml, "X="+hostile)
			for i, r := range c.Routes {
				if !slices.Equal(r.Requirement.Groups.Any, []string{hostile}) || r.Requirement.Groups.All != nil {
					t.Errorf("the groups of route %d are %q, want %q alone", i, r.Requirement.Groups, hostile)
				}
			}
			if c.Default != "required" {
				t.Errorf("default became %q", c.Default)
			}
		})
	}
}
