package yamlform_test

import (
	"slices"
	"testing"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// shop is a mapping with a preset that kind selects.
type shop struct {
	kind, name, place string
	tags              []string
	inner             struct{ a, b string }
}

func shopObject(s *shop) yamlform.Object {
	text := yamlform.Text("a text", func(string) string { return "" })
	inner := func(in *struct{ a, b string }) yamlform.Object {
		return yamlform.Object{Expected: "a mapping", Rows: []yamlform.Row{
			yamlform.Field("a", "a", text, &in.a), yamlform.Field("b", "b", text, &in.b).WithDefault("none")}}
	}
	return yamlform.Object{
		Expected: "a shop",
		Rows: []yamlform.Row{
			yamlform.Field("kind", "what selects the preset", text, &s.kind),
			yamlform.Field("name", "its name", yamlform.Text("a name", yamlform.Expecting("a name", yamlform.BadIdentifier)), &s.name),
			yamlform.Field("place", "where it is", text, &s.place).WithDefault("here"),
			yamlform.Field("tags", "words", yamlform.Set("a list", text), &s.tags),
			yamlform.Field("inner", "more", yamlform.Mapping(inner), &s.inner).WithDefault("{}"),
		},
		Selectors: 1,
		Preset: func(_ *yamlform.Decoder, at yamlform.Place) []yamlform.Value {
			if s.kind == "" {
				return nil
			}
			parameters := map[string]string{"kind": s.kind}
			return []yamlform.Value{
				{Key: "name", YAML: "the <kind>", Parameters: parameters, From: at.Child("kind")},
				{Key: "place", YAML: "there", From: at.Child("kind")},
				{Key: "tags", YAML: `["<kind>", b]`, Parameters: parameters, From: at.Child("kind")},
				{Key: "inner", YAML: "{a: A, b: B}", From: at.Child("kind")},
			}
		},
	}
}

// TestPreset: a value of the file replaces that of the preset, also inside mappings; the
// preset's replaces the default; and a mistake in it has the position of what selected it.
func TestPreset(t *testing.T) {
	hostile := "x, y]: {a: b}"
	for _, row := range []struct {
		name, yaml string
		want       shop
		mistakes   []string
	}{
		{"no preset", "name: n", shop{name: "n", place: "here", inner: struct{ a, b string }{"", "none"}}, nil},
		{"all of it", "kind: k", shop{"k", "the k", "there", []string{"k", "b"}, struct{ a, b string }{"A", "B"}}, nil},
		{"replaced", "kind: k\nplace: x\ntags: []\ninner: {b: own}",
			shop{"k", "the k", "x", []string{}, struct{ a, b string }{"A", "own"}}, nil},
		{"a parameter that looks like YAML", "kind: '" + hostile + "'",
			shop{hostile, "the " + hostile, "there", []string{hostile, "b"}, struct{ a, b string }{"A", "B"}}, nil},
		{"a parameter that makes a value invalid", "place: x\nkind: 'a '", shop{kind: "a ", place: "x", tags: []string{"a ", "b"},
			inner: struct{ a, b string }{"A", "B"}}, []string{
			`2:7: name has white space around it or a control character in it: got "the a "; expected a name`}},
		{"another kind of value", "kind: k\ninner: 7", shop{"k", "the k", "there", []string{"k", "b"}, struct{ a, b string }{"", "none"}},
			[]string{`2:8: inner is the single value "7"; expected a mapping`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := yamlform.NewDecoder(yamlform.File{Name: "f", Kind: "a file", TopKeys: "kind", MaxBytes: 1000})
			root, ok := d.Parse([]byte(row.yaml))
			if !ok {
				t.Fatal(d.Mistakes())
			}
			var got shop
			shopObject(&got).Read(d, root)
			if got.kind != row.want.kind || got.name != row.want.name || got.place != row.want.place || got.inner != row.want.inner ||
				!slices.Equal(got.tags, row.want.tags) {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
			var texts []string
			for _, one := range d.Mistakes() {
				texts = append(texts, one.Error()[len("f:"):])
			}
			if !slices.Equal(texts, row.mistakes) {
				t.Errorf("got %q, want %q", texts, row.mistakes)
			}
		})
	}
}
