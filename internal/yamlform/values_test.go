package yamlform_test

import (
	"slices"
	"strings"
	"testing"
	"time"
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
			if got := read(t, "name: \""+row.text+"\"\n", set...).Name; got != row.want {
				t.Errorf("%s is %q, want %q", row.text, got, row.want)
			}
		})
	}
}

func TestExpansionMistakes(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"unset", "${NOT_SET}", `uses the variable NOT_SET, which is not set; set it, or write ${NOT_SET:-default}`},
		{"not closed", "a${A", `has no closing } after "${A"; expected ${VAR}, or $${ for a literal ${`},
		{"no name", "${}", `has an invalid variable: got "${}"; expected ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"no name but a default", "${:-x}", `has an invalid variable: got "${:-x}"; expected ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"a digit first", "${1A}", `has an invalid variable: got "${1A}"; expected ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"another operator", "${A-x}", `has an invalid variable: got "${A-x}"; expected ${VAR} or ${VAR:-default}, or $${ for a literal ${`},
		{"a variable in a default", "${C:-${A}}", `has a variable inside the default of C; write the default without variables`},
	} {
		t.Run(row.name, func(t *testing.T) {
			mistaken(t, "name: \""+row.text+"\"\n", []string{"1:7: name " + row.want}, "A=one")
		})
	}
}

// TestExpansionStaysInItsScalar: the value of a variable is always one value of the key
// that names the variable.
func TestExpansionStaysInItsScalar(t *testing.T) {
	for _, hostile := range []string{
		"a, b", "a]\nmode: cold", "{all: [a]}", "[a, b]", "*a", "&a b", "!!str a", "a: b", "# a",
		"a #b", "'a'", "---\na: b", "${A}", "$${A}", "<<",
	} {
		t.Run(hostile, func(t *testing.T) {
			m := read(t, "name: ${X}\n", "X="+hostile)
			if m.Name != hostile || m.Mode != "warm" {
				t.Errorf("the name is %q and the mode %q, want %q alone", m.Name, m.Mode, hostile)
			}
		})
	}
	mistaken(t, "on: ${X}\ncount: \"${N}\"\nfile: ${N}\nwait: ${EMPTY}\n", []string{
		`1:5: on is invalid: got "true]"; expected true or false, without quotes`,
		`2:8: count is invalid: got "5"; expected a whole number of guests from 1 to 99, without quotes`,
		`3:7: file is not a string: got 5; expected the path of a file, in quotes if it looks like a number, true or false`,
		`4:7: wait has no value; set it to a duration with its unit, such as 3s, from 0s to 1h, or remove the key`,
	}, "X=true]", "N=5", "EMPTY=")
}

// TestTakenAsWritten: without variables, and in a verbatim text, "${" means
// itself.
func TestTakenAsWritten(t *testing.T) {
	if got := read(t, "name: \"${A} $${A} ${\"\nwhen: ${A}\n"); got.Name != "${A} $${A} ${" || got.When != "${A}" {
		t.Errorf("got %q and %q, want the text of the file", got.Name, got.When)
	}
	if got := read(t, "when: '\"${A}\" != \"$${A}\"'\n", "A=one").When; got != `"${A}" != "$${A}"` {
		t.Errorf("got %q, want the text of the file", got)
	}
	const expected = "; expected a condition such as a == b"
	for yaml, want := range map[string]string{
		"when:":      "1:1: when has no value; set it to a condition such as a == b, or remove the key",
		"when: ' '":  "1:7: when is empty" + expected,
		"when: [a]":  "1:1: when is a list" + expected,
		"when: true": "1:7: when is not a string: got true" + expected,
	} {
		mistaken(t, yaml, []string{want}, "A=one")
	}
}

// TestPlainScalars: unquoted scalars have the types of the core schema of YAML 1.2, in
// which some numbers and booleans of YAML 1.1 are strings.
func TestPlainScalars(t *testing.T) {
	for _, text := range []string{
		"yes", "no", "on", "off", "y", "n", "1_000", "1:30", "2026-01-01", "e3", "1e", "0b1", "0x", "-0x1", "1.2.3", ".",
		"+", "-+5", "tRue", "nUll", "inf",
		"Infinity", "nan",
	} {
		if got := read(t, "name: "+text+"\n").Name; got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	for _, text := range []string{"1", "-1", "+1", "007", "0o17", "0xfF", "1.5", ".5", "5.", "1e9", "1e999", "-.inf", ".NaN", "true",
		"False"} {
		mistaken(t, "name: "+text+"\n", []string{
			"1:7: name is not a string: got " + text + "; expected a name, in quotes if it looks like a number, true or false",
		})
		if got := read(t, "name: '"+text+"'\n").Name; got != text {
			t.Errorf("in quotes: got %q, want %q", got, text)
		}
	}
}

// TestValues: each kind of value, as it is read.
func TestValues(t *testing.T) {
	m := read(t, "{file: a/b, mode: cold, on: True, count: 99, room: 3MiB, wait: 1.5s, dish: {title: 'So up', tags: [Milk]}}")
	if m.File != "dir/a/b" || m.Mode != "cold" || !m.On || m.Count != 99 || m.Room != 3<<20 || m.Wait != 1500*time.Millisecond ||
		m.Dish.Title != "So up" || !slices.Equal(m.Dish.Tags, []string{"milk"}) {
		t.Errorf("got %+v", m)
	}
	if got := read(t, "file: /a").File; got != "/a" {
		t.Errorf("an absolute path is %q, want /a", got)
	}
	if got := read(t, "room: 1024").Room; got != 1024 {
		t.Errorf("a size in bytes is %d, want 1024", got)
	}
	if m := read(t, "{}"); m.Mode != "warm" || m.Count != 2 || m.Room != 1024 || m.Wait != 90*time.Second || !slices.Equal(m.Set,
		[]string{"a", "b"}) {
		t.Errorf("the defaults are %+v", m)
	}
}

// TestWrongValues: each kind of value rejects an invalid one.
func TestWrongValues(t *testing.T) {
	const long = "; expected a duration with its unit, such as 3s, from 0s to 1h"
	const guests, size = "; expected a whole number of guests from 1 to 99, without quotes",
		"; expected a size such as 1MiB (a whole number of bytes, or with KiB, MiB or GiB) up to 1GiB"
	for yaml, want := range map[string]string{
		"name: ''": `7: name is empty; expected a name`,
		"name: {}": `1: name is a mapping; expected a name`,
		"file: ''": `7: file is empty; expected the path of a file`,
		"file: ' x'": `7: file has white space around it or a control character in it: got " x"; expected the path of ` +
			`a file`,
		"file: " + strings.Repeat("x", 513): `7: file is longer than 512 bytes; expected the path of a file`,
		"mode: hot":                         `7: mode is invalid: got "hot"; expected warm or cold`,
		"mode: 1":                           `7: mode is not a string: got 1; expected warm or cold`,
		"on: 'true'":                        `5: on is invalid: got "true"; expected true or false, without quotes`,
		"on: [true]":                        `1: on is a list; expected true or false, without quotes`,
		"count: 0":                          `8: count is invalid: got "0"` + guests,
		"count: 100":                        `8: count is invalid: got "100"` + guests,
		"count: 1e1":                        `8: count is invalid: got "1e1"` + guests,
		"count: []":                         `1: count is a list` + guests,
		"room: 1MB":                         `7: room is invalid: got "1MB"` + size,
		"room: '1'":                         `7: room is invalid: got "1"` + size,
		"room: 2GiB":                        `7: room is invalid: got "2GiB"` + size,
		"room: {}":                          `1: room is a mapping` + size,
		"wait: 3":                           `7: wait has no unit: got "3"` + long,
		"wait: soon":                        `7: wait is not a duration (the units are ms, s, m and h): got "soon"` + long,
		"wait: 2h":                          `7: wait is out of range: got "2h"` + long,
		"wait: {}":                          `1: wait is a mapping` + long,
		"wait: ~": `7: wait has no value; set it to a duration with its unit, such as 3s, from 0s to 1h, or remove ` +
			`the key`,
		"list: [~]":         `8: list[0] has no value; set it to a word, or remove the item`,
		"dish: soup":        `7: dish is the single value "soup"; expected a dish such as {title: soup}`,
		"dish: ''":          `7: dish is empty; expected a dish such as {title: soup}`,
		"dish: {title: }":   `8: dish.title has no value; expected a title`,
		"dish: {tags: [a]}": `1: dish.title is missing; expected a title`,
		"dishes: [{}]":      `10: dishes[0].title is missing; expected a title`,
	} {
		t.Run(yaml, func(t *testing.T) { mistaken(t, yaml+"\n", []string{"1:" + want}) })
	}
}

// TestLists: a list may repeat a value and a set may not, and a list that must not be
// empty is never decoded as empty.
func TestLists(t *testing.T) {
	m := read(t, "{list: [a, a], set: [], words: [a, b]}")
	if !slices.Equal(m.List, []string{"a", "a"}) || m.Set == nil || len(m.Set) > 0 || !slices.Equal(m.Words, []string{"a", "b"}) {
		t.Errorf("got %+v", m)
	}
	check(t, []row{
		{"an item twice", "set: [a, b, a]\n", []string{"1:13: set[2] repeats an earlier item; remove it"}},
		{"an empty list", "words: []\n", []string{"1:1: words is an empty list; set it to a list such as [a], or remove the key"}},
		{"an item with a mistake", "words: ['', b]\n", []string{"1:9: words[0] is empty; expected a word"}},
		{"a word for a list", "words: a\n", []string{`1:8: words is the single value "a"; expected a list such as [a]`}},
	})
	if m, _ := decode("{set: ['', b], list: ['', b]}"); !slices.Equal(m.Set, []string{"a", "b"}) || !slices.Equal(m.List, []string{"b"}) {
		t.Errorf("with mistakes, the set is %q and the list %q, want the default and the valid items", m.Set, m.List)
	}
}
