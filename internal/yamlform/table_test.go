package yamlform_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// TestUnknownKeys: the mistake for an unknown key suggests a similar key, or the path at
// which the key is valid.
func TestUnknownKeys(t *testing.T) {
	const all = "expected one of name, when, file, mode, on, count, room, wait, list, set, words, dish, dishes"
	check(t, []row{
		{"a typing mistake", "nmae: a\n", []string{`1:1: unknown key "nmae" in the file; did you mean name?`}},
		{"another word for it", "dish: {title: a, label: a}\n", []string{`1:18: unknown key "label" in dish; did you mean title?`}},
		{"a key of another mapping", "tags: a\n",
			[]string{`1:1: unknown key "tags" in the file; it belongs at dish.tags or dishes[].tags`}},
		{"nothing like it", "frobnicate: a\n", []string{`1:1: unknown key "frobnicate" in the file; ` + all}},
		{"a colon without a space", "dish: {title:soup}\n",
			[]string{`1:8: unknown key "title:soup" in dish; write a space after the colon`}},
		{"a misplaced key", "dish: {title: a, price: 1}\n", []string{`1:18: dish.price is not allowed here; write it on the bill`}},
		{"names that are not indented", "dish:\nsoup: {title: a}\nomelette: {title: b}\n", []string{
			`2:1: "soup" is not indented; indent it by two spaces to put it under dish`,
			`3:1: "omelette" is not indented; indent it by two spaces to put it under dish`,
		}},
		{"nothing to indent", "dish:\nsoup: a\n", []string{
			`1:1: dish has no value; set it to a dish such as {title: soup}, or remove the key`, `2:1: unknown key "soup" in the file; ` + all,
		}},
	})
}

func TestClosest(t *testing.T) {
	known := []string{"allow", "deny", "answer"}
	for word, want := range map[string]string{"allw": "allow", "ALLOW": "allow", "dney": "deny", "x": "", "": "",
		strings.Repeat("a", 100): ""} {
		if got := yamlform.Closest(word, known); got != want {
			t.Errorf("%q is closest to %q, want %q", word, got, want)
		}
	}
	if got := yamlform.DidYouMean("x", known, "write one"); got != "write one" {
		t.Errorf("got %q", got)
	}
}

// TestAllAtOnce: all mistakes are reported together, and the valid values are decoded.
func TestAllAtOnce(t *testing.T) {
	const yaml = "mode: hot\nname: a\ncount: 0\nname: b\nfrobnicate: 1\ndishes:\n  - {tags: [a]}\n  - {title: pie}\nwait: 0s\n"
	mistaken(t, yaml, []string{
		`1:7: mode is invalid: got "hot"; expected warm or cold`,
		`3:8: count is invalid: got "0"; expected a whole number of guests from 1 to 99, without quotes`,
		`4:1: the key "name" is repeated in the file; it first appears at 2:1; keep one of them`,
		`5:1: unknown key "frobnicate" in the file; expected one of name, when, file, mode, on, count, room, wait, list, set, ` +
			`words, dish, dishes`,
		`7:5: dishes[0].title is missing; expected a title`,
	})
	m, d := decode(yaml)
	if m.Name != "a" || m.Mode != "warm" || m.Count != 2 || len(m.Dishes) != 2 || m.Dishes[1].Title != "pie" {
		t.Errorf("with mistakes: got %+v", m)
	}
	if got, want := d.Warnings().Error(), "dir/menu.yaml:9:7: wait is zero"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOneTable: the decoder, the reference and the schema have the same keys and
// defaults.
func TestOneTable(t *testing.T) {
	text, err := json.Marshal(menuTable(new(menu)).Schema())
	if err != nil {
		t.Fatal(err)
	}
	var shape struct {
		Properties map[string]struct {
			Description string
			Default     any
		}
		AdditionalProperties bool
	}
	if err := json.Unmarshal(text, &shape); err != nil {
		t.Fatal(err)
	}
	top := 0
	for _, k := range keys() {
		if strings.ContainsAny(k.Path, ".[") {
			continue
		}
		top++
		one, there := shape.Properties[k.Path]
		if !there || one.Description != k.Doc+"; "+k.Expected || (one.Default == nil) != (k.Default == "") {
			t.Errorf("%s: the schema has %+v, and the reference %+v", k.Path, one, k)
		}
		_, d := decode(k.Path + ": {}\n")
		if slices.ContainsFunc(d.Mistakes(), func(m yamlform.Mistake) bool { return strings.HasPrefix(m.Text, "unknown key") }) {
			t.Errorf("%s is in the reference, but unknown to the decoder", k.Path)
		}
	}
	if top != len(shape.Properties) || top != len(menuTable(new(menu)).Rows) || shape.AdditionalProperties {
		t.Errorf("%d keys in the reference, %d in the schema, %d in the table", top, len(shape.Properties), len(menuTable(new(menu)).Rows))
	}
	want := []string{"dish", "dish.title", "dish.tags", "dishes", "dishes[].title", "dishes[].tags"}
	var got []string
	for _, k := range keys()[11:] {
		got = append(got, k.Path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the reference ends with %q, want %q", got, want)
	}
}

// TestInclude: the values of an included file have separate paths, and its mistakes and
// positions are added to those of the file that includes it.
func TestInclude(t *testing.T) {
	_, d := decode("name: a\n")
	in := d.Include("dir/more.d/a.yaml", "more.d/a.yaml", "title")
	root, ok := in.Parse([]byte("title: a\nnone: b\n"))
	if !ok {
		t.Fatal(d.Mistakes())
	}
	var m dish
	dishTable(&m).Read(in, root)
	in.ReportPath(in.Root()+"title", "is %q", m.Title)
	want := "dir/more.d/a.yaml:1:8: title is \"a\"\n" + `dir/more.d/a.yaml:2:1: unknown key "none" in the file; ` +
		`expected one of title, tags`
	if got := d.Mistakes().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	places := d.Places()
	for path, want := range map[string]string{
		"more.d/a.yaml: title": "dir/more.d/a.yaml:1:8", "more.d/a.yaml: tags[1]": "dir/more.d/a.yaml:1:1",
		"name": "dir/menu.yaml:1:7", "dish.title": "dir/menu.yaml:1:1",
	} {
		if got := places.At(path).String(); got != want {
			t.Errorf("%q is at %s, want %s", path, got, want)
		}
	}
}

// TestPlaces: a path identifies its value. A mistake inside a text has an exact position,
// or names it in words if the file has the text in quotes or on several lines.
func TestPlaces(t *testing.T) {
	_, d := decode("when: a == b\ndish: {\"a.b\": 1, \"c]\": 2}\n")
	for path, want := range map[string]string{
		`dish["a.b"]`: "2:15", `dish["c]"]`: "2:24", "dish.a.b": "2:1", "dish.d": "2:1", "when": "1:7", "dish[1]": "2:1",
	} {
		if got := d.Places().At(path).String(); got != "dir/menu.yaml:"+want {
			t.Errorf("%q is at %s, want %s", path, got, want)
		}
	}
	for yaml, want := range map[string]string{
		"when: a == b":           "1:9: when: no",
		"when: a == b # c":       "1:9: when: no",
		"when: 'a == b'":         "1:7: when: line 1, column 3 of the text: no",
		"when: |\n  a == b":      "1:7: when: line 1, column 3 of the text: no",
		"when: a\n  == b":        "1:7: when: line 1, column 3 of the text: no",
		"name: a":                "1:1: when: no",
		"when: ['a == b']":       "1:1: when: no",
		"when: \"a\\u0020== b\"": "1:7: when: line 1, column 3 of the text: no",
	} {
		_, d := decode(yaml + "\n")
		if got := d.Places().MistakeWithin("when", "text", 1, 2, "no").Error(); got != "dir/menu.yaml:"+want {
			t.Errorf("%q: got %s, want %s", yaml, got, want)
		}
	}
}

// TestPlaceQueries tests the methods with which codecs of other packages inspect a value.
func TestPlaceQueries(t *testing.T) {
	d := yamlform.NewDecoder(yamlform.File{Name: "a.yaml", MaxBytes: 1 << 10})
	root, ok := d.Parse([]byte("list: [a, 'b c']\none: {all: [x]}\nword: w\nnull: ~\n"))
	if !ok {
		t.Fatal(d.Mistakes())
	}
	entries, _ := d.Entries(root, "")
	by := map[string]yamlform.Place{}
	for _, e := range entries {
		by[e.Name()] = e
	}
	all, only := by["one"].OnlyValue("all")
	if _, other := by["one"].OnlyValue("any"); !only || other || all.Path != "one.all" || all.Name() != "" ||
		d.Pos(all).String() != "a.yaml:2:12" {
		t.Errorf("the only value is %v at %v, %t", all.Path, d.Pos(all), only)
	}
	if !by["word"].HasText("w") || by["word"].HasText("v") || by["list"].HasText("") || !by["word"].IsScalar() || !by["list"].IsList() ||
		!root.IsMapping() {
		t.Error("a value has the wrong kind")
	}
	if by["list"].Len() != 2 || root.Len() != 4 || !d.IsNull(by["null"]) || d.IsNull(by["word"]) || d.IsNull(by["list"]) {
		t.Error("a length or a null is wrong")
	}
	if key := by["word"].Key(); !key.HasText("word") || d.KeyPos(by["word"]) != d.Pos(key) || d.MistakeCount() != 0 {
		t.Errorf("the key of the word is at %v", d.Pos(key))
	}
}

func TestMistakesSorted(t *testing.T) {
	at := func(file string, line, column int, text string) yamlform.Mistake {
		return yamlform.Mistake{Pos: yamlform.Pos{File: file, Line: line, Column: column}, Text: text}
	}
	mixed := yamlform.Mistakes{
		at("b", 1, 1, "6"), at("a", 2, 1, "4"), at("a", 1, 9, "2"), at("a", 2, 1, "5"),
		at("a", 1, 10, "3"), at("a", 1, 2, "1"), at("a", 1, 9, "2"),
	}
	want := "a:1:2: 1\na:1:9: 2\na:1:10: 3\na:2:1: 4\na:2:1: 5\nb:1:1: 6"
	if got := mixed.Sorted().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if mixed[0].Text != "6" {
		t.Error("sorting changed the list that it was given")
	}
}

// FuzzDecode: for any file, each mistake has a position inside the file and a text of one
// line.
func FuzzDecode(f *testing.F) {
	for _, yaml := range []string{
		"", "name: a", "dish: {title: a, tags: [a]}\ndishes: [{}, {title: " +
			"b}]", "when: |\n  a\n  b\n", "set: [a, a]\nwords: []", "name: ${A:-b}\n${A}: b", "a: [",
		"list: &a [*a]", "? [a]\n: b", "<<: {}", "--- a\n--- b", "dish:\nsoup: {}\n", "dish: {title:a}", "\"\\x00\": 1", "name: !!str a",
	} {
		f.Add(yaml)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		_, d := decode(yaml, "A=a")
		lines := strings.Split(yaml, "\n")
		for _, m := range d.Mistakes() {
			if m.Pos.Line < 1 || m.Pos.Line > len(lines) || m.Pos.Column < 1 || m.Text == "" || strings.ContainsAny(m.Text, "\n\r") {
				t.Fatalf("mistake %+v in %d lines", m, len(lines))
			}
			if limit := utf8.RuneCountInString(lines[m.Pos.Line-1]) + 1; utf8.ValidString(yaml) && m.Pos.Column > limit {
				t.Fatalf("mistake %+v in a line of %d characters", m, limit-1)
			}
		}
	})
}
