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

func dishTable() yamlform.Object[dish] {
	return yamlform.Object[dish]{
		Expected: "a dish such as {title: soup}",
		Synonyms: map[string]string{"label": "title"},
		Fields: []yamlform.FieldOf[dish]{
			yamlform.Field("title", "the title", yamlform.Identifier("a title"), func(d *dish) *string { return &d.Title }).MustBeSet(),
			yamlform.Field("tags", "the ingredients", yamlform.Set("a list such as [milk]", yamlform.Lower(yamlform.Identifier("a tag"))),
				func(d *dish) *[]string { return &d.Tags }),
			yamlform.Misplaced[dish]("price", "is not allowed here; write it on the bill"),
		},
	}
}

func menuTable() yamlform.Object[menu] {
	refuseEmpty := func(text string) string {
		if text == "" {
			return "is empty; expected a name"
		}
		return ""
	}
	return yamlform.Object[menu]{
		Expected:    "a menu such as {name: lunch}",
		NestedNames: "dish",
		Fields: []yamlform.FieldOf[menu]{
			yamlform.Field("name", "what the menu is called", yamlform.Text("a name", refuseEmpty), func(m *menu) *string { return &m.Name }),
			yamlform.Field("when", "a condition", yamlform.Verbatim("a condition such as a == b"), func(m *menu) *string { return &m.When }),
			yamlform.Field("file", "a file", yamlform.FilePath("the path of a file"), func(m *menu) *string { return &m.File }),
			yamlform.Field("mode", "one of two", yamlform.Enum("warm", "cold"), func(m *menu) *string { return &m.Mode }).WithDefault("warm"),
			yamlform.Field("on", "whether", yamlform.Boolean(), func(m *menu) *bool { return &m.On }).WithDefault("false"),
			yamlform.Field("count", "how many", yamlform.Integer("guests", 1, 99), func(m *menu) *int { return &m.Count }).WithDefault("2"),
			yamlform.Field("room", "how much", yamlform.Size("1MiB", 1<<30), func(m *menu) *int { return &m.Room }).WithDefault("1KiB"),
			yamlform.Field("wait", "how long", yamlform.Duration("3s", 0, time.Hour),
				func(m *menu) *time.Duration { return &m.Wait }).WithDefault("1m30s"),
			yamlform.Field("list", "any words", yamlform.List("a list", yamlform.Identifier("a word")), func(m *menu) *[]string { return &m.List }),
			yamlform.Field("set", "different words", yamlform.Set("a list of different words", yamlform.Identifier("a word")),
				func(m *menu) *[]string { return &m.Set }).WithDefault("[a, b]"),
			yamlform.Field("words", "at least one word", yamlform.NonEmptySet("a list such as [a]", yamlform.Identifier("a word")),
				func(m *menu) *[]string { return &m.Words }),
			yamlform.Field("dish", "a single dish", yamlform.Mapping(dishTable()), func(m *menu) *dish { return &m.Dish }),
			yamlform.Field("dishes", "all dishes", yamlform.List("a list of dishes", yamlform.Mapping(dishTable())),
				func(m *menu) *[]dish { return &m.Dishes }),
		},
		Check: func(d *yamlform.Decoder, at yamlform.Place, m *menu) {
			if path := at.Child("wait"); m.Wait == 0 && d.IsSet(path) {
				d.Warn(path, "is zero")
			}
		},
	}
}

func keys() []yamlform.Key { return menuTable().Reference("") }

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
		menuTable().Read(d, root, &m)
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
