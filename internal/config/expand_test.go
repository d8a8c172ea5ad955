package config_test

import (
	"slices"
	"testing"
)

// TestTypedAfterExpansion: the type of an unquoted scalar is that of its expanded text.
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
	if !c.Tokens.Forward || c.Tokens.MaxBytes != 4096 || c.Server.DrainDelay.String() != "5s" ||
		!slices.Equal(c.Identity.Removed, []string{"x-user-email"}) {
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
		`4:12: tokens.forward is invalid: got "true"; expected true or false, without quotes`,
		`5:14: tokens.max_bytes is invalid: got "true"; expected a whole number of bytes from 256 to 65536, without quotes`,
		`7:11: server.listen has no value; set it to host:port or unix:PATH, such as 127.0.0.1:9001, or remove the key`,
		`13:9: routes[1].groups[0] is not a string: got 5; expected a group, in quotes if it looks like a number, true or false`,
	})
}

// TestExpansionStaysInItsScalar: the value of a variable is always one value of the key
// that names the variable.
func TestExpansionStaysInItsScalar(t *testing.T) {
	for _, hostile := range []string{
		"a, b", "a]\ndefault: deny", "a\ndefault: deny", "{all: [a]}", "[a, b]", "*a", "&a b", "!!str a", "a: b", "# a", "a #b", "'a'",
		"---\na: b", "${A}", "$${A}", "<<",
	} {
		t.Run(hostile, func(t *testing.T) {
			yaml := pool + "routes:\n  - match: /a\n    groups:\n      - ${X}\n    name: ok\n  - match: /b\n    groups: [\"${X}\"]\n"
			if slices.Contains([]string{"a]\ndefault: deny", "a\ndefault: deny", "---\na: b"}, hostile) {
				same(t, mistakes(t, yaml, "X="+hostile), []string{
					"5:9: routes[0].groups[0] has white space around it or a control character in it: got " + quoted(hostile) + "; expected a group",
					"8:14: routes[1].groups[0] has white space around it or a control character in it: got " + quoted(hostile) + "; expected a group",
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
