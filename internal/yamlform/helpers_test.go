package yamlform_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// menu is the type that the tests decode. It has a value of each kind.
type menu struct {
	Name, When, File, Mode string
	On                     bool
	Count, Room            int
	Wait                   time.Duration
	List, Set, Words       []string
	Dish                   dish
	Dishes                 []dish
}

type dish struct {
	Title string
	Tags  []string
}

func dishTable(d *dish) yamlform.Object {
	return yamlform.Object{
		Expected: "a dish such as {title: soup}",
		Synonyms: map[string]string{"label": "title"},
		Rows: []yamlform.Row{
			yamlform.Field("title", "the title", yamlform.Identifier("a title"), &d.Title).MustBeSet(),
			yamlform.Field("tags", "the ingredients", yamlform.Set("a list such as [milk]", yamlform.Lower(yamlform.Identifier("a tag"))),
				&d.Tags),
			yamlform.Misplaced("price", "is not allowed here; write it on the bill"),
		},
	}
}

func menuTable(m *menu) yamlform.Object {
	refuseEmpty := func(text string) string {
		if text == "" {
			return "is empty; expected a name"
		}
		return ""
	}
	return yamlform.Object{
		Expected:    "a menu such as {name: lunch}",
		NestedNames: "dish",
		Rows: []yamlform.Row{
			yamlform.Field("name", "what the menu is called", yamlform.Text("a name", refuseEmpty), &m.Name),
			yamlform.Field("when", "a condition", yamlform.Verbatim("a condition such as a == b"), &m.When),
			yamlform.Field("file", "a file", yamlform.FilePath("the path of a file"), &m.File),
			yamlform.Field("mode", "one of two", yamlform.Enum("warm", "cold"), &m.Mode).WithDefault("warm"),
			yamlform.Field("on", "whether", yamlform.Boolean(), &m.On).WithDefault("false"),
			yamlform.Field("count", "how many", yamlform.Integer("guests", 1, 99), &m.Count).WithDefault("2"),
			yamlform.Field("room", "how much", yamlform.Size("1MiB", 1<<30), &m.Room).WithDefault("1KiB"),
			yamlform.Field("wait", "how long", yamlform.Duration("3s", 0, time.Hour),
				&m.Wait).WithDefault("1m30s"),
			yamlform.Field("list", "any words", yamlform.List("a list", yamlform.Identifier("a word")), &m.List),
			yamlform.Field("set", "different words", yamlform.Set("a list of different words", yamlform.Identifier("a word")),
				&m.Set).WithDefault("[a, b]"),
			yamlform.Field("words", "at least one word", yamlform.NonEmptySet("a list such as [a]", yamlform.Identifier("a word")),
				&m.Words),
			yamlform.Field("dish", "a single dish", yamlform.Mapping(dishTable), &m.Dish),
			yamlform.Field("dishes", "all dishes", yamlform.List("a list of dishes", yamlform.Mapping(dishTable)),
				&m.Dishes),
		},
		Check: func(d *yamlform.Decoder, at yamlform.Place) {
			if path := at.Child("wait"); m.Wait == 0 && d.IsSet(path) {
				d.Warn(path, "is zero")
			}
		},
	}
}

func keys() []yamlform.Key { return menuTable(new(menu)).Reference("") }

// env returns a Getenv for NAME=VALUE pairs, or nil without pairs.
func env(pairs []string) func(string) (string, bool) {
	if pairs == nil {
		return nil
	}
	return func(name string) (string, bool) {
		for _, pair := range pairs {
			if key, value, _ := strings.Cut(pair, "="); key == name {
				return value, true
			}
		}
		return "", false
	}
}

// decode decodes a menu. Without pairs, no variable is expanded.
func decode(yaml string, pairs ...string) (menu, *yamlform.Decoder) {
	d := yamlform.NewDecoder(yamlform.File{
		Name: "dir/menu.yaml", Kind: "a menu", TopKeys: "name and dishes", MaxBytes: 1 << 16,
		Getenv: env(pairs), Reference: keys, Sharing: "say it once",
	})
	var m menu
	if root, ok := d.Parse([]byte(yaml)); ok {
		menuTable(&m).Read(d, root)
	}
	return m, d
}

// read decodes a menu that must have no mistakes.
func read(t *testing.T, yaml string, pairs ...string) menu {
	t.Helper()
	m, d := decode(yaml, pairs...)
	if all := d.Mistakes(); len(all) > 0 {
		t.Fatalf("unexpected mistakes:\n%v", all)
	}
	return m
}

// row is a file and its mistakes, as LINE:COL: TEXT.
type row struct {
	name, yaml string
	want       []string
}

func check(t *testing.T, rows []row, pairs ...string) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) { mistaken(t, r.yaml, r.want, pairs...) })
	}
}

func mistaken(t *testing.T, yaml string, want []string, pairs ...string) {
	t.Helper()
	_, d := decode(yaml, pairs...)
	var got []string
	for _, one := range d.Mistakes() {
		got = append(got, strings.TrimPrefix(one.Error(), "dir/menu.yaml:"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
