package config_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/request"
	"github.com/jwtgate/jwtgate/internal/route"
)

var update = flag.Bool("update", false, "write the tables of the reference")

const (
	reference = "../../docs/configuration.md"
	readme    = "../../README.md"
)

// keysMark encloses the table of the keys of one object. Each key is in the table with
// the longest matching path; the path of the whole file is a dot. A table omits keys
// that the object after "beside" has too.
var keysMark = regexp.MustCompile(`(?s)(<!-- keys: (\S+)(?: beside (\S+))? -->\n).*?(<!-- /keys -->)`)

// TestReference compares the tables of the reference with the keys of the decoder. With
// -update it writes them.
func TestReference(t *testing.T) {
	text := read(t, reference)
	tables := map[string][]config.Key{} // path of an object -> its keys, named from there on
	for _, mark := range keysMark.FindAllStringSubmatch(text, -1) {
		if _, twice := tables[mark[2]]; twice {
			t.Errorf("there are two tables of %s", mark[2])
		}
		tables[mark[2]] = nil
	}
	for _, k := range config.Keys() {
		path := owner(k.Path, tables)
		k.Path = strings.TrimPrefix(k.Path, path+".")
		tables[path] = append(tables[path], k)
		if path == "." && strings.ContainsAny(k.Path, ".[") {
			t.Errorf("%s has no table: write <!-- keys: OBJECT --> and <!-- /keys --> for the object that holds it", k.Path)
		}
	}
	want := keysMark.ReplaceAllStringFunc(text, func(block string) string {
		mark := keysMark.FindStringSubmatch(block)
		keys := slices.DeleteFunc(slices.Clone(tables[mark[2]]), func(k config.Key) bool { return slices.Contains(tables[mark[3]], k) })
		return mark[1] + table(keys, mark[2]) + mark[4]
	})
	switch {
	case *update:
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case text != want:
		t.Error("the tables are out of date; run: go test ./internal/config -run TestReference -update")
	}
}

// owner returns the path of the table that contains a key.
func owner(key string, tables map[string][]config.Key) string {
	longest := "."
	for path := range tables {
		if strings.HasPrefix(key, path+".") && len(path) > len(longest) {
			longest = path
		}
	}
	return longest
}

// table formats keys as a Markdown table, followed by the defaults that are too long
// for a cell.
func table(keys []config.Key, path string) string {
	escape := strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace
	var rows, long strings.Builder
	rows.WriteString("| key | what to write | default | what it is for |\n|---|---|---|---|\n")
	for _, k := range keys {
		fallback := ""
		switch {
		case k.Required && !strings.Contains(k.Path, "."):
			fallback = "must be given"
		case strings.Contains(k.Default, "\n"):
			fallback = "see below"
			fmt.Fprintf(&long, "\nThe default of `%s`:\n\n```yaml\n%s```\n", k.Path,
				nested("", strings.Split(path+"."+k.Path, "."), strings.ReplaceAll(k.Default, "\n", "\n  ")))
		case k.Default != "" && k.Default != "{}":
			fallback = "`" + k.Default + "`"
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s |\n", k.Path, escape(k.Expected), fallback, escape(k.Doc))
	}
	return rows.String() + long.String()
}

var yamlBlock = regexp.MustCompile("(?sm)^```yaml\n(.*?)^```$")

// TestExamples loads every YAML example in the documentation. One without issuers gets
// the issuer of a single pool.
func TestExamples(t *testing.T) {
	for _, file := range []string{readme, reference, providersPage} {
		text := read(t, file)
		examples := yamlBlock.FindAllStringSubmatchIndex(text, -1)
		if len(examples) == 0 || len(examples) != strings.Count(text, "```yaml") {
			t.Errorf("%s: %d examples were found, of %d", file, len(examples), strings.Count(text, "```yaml"))
		}
		for _, at := range examples {
			line := strings.Count(text[:at[2]], "\n") + 1
			t.Run(fmt.Sprintf("%s:%d", file, line), func(t *testing.T) {
				yaml := text[at[2]:at[3]]
				if !strings.Contains("\n"+yaml, "\nissuers:") {
					yaml += pool
				}
				c := parse(t, yaml, "COGNITO_USER_POOLS_ID=us-west-1_6BpkgoczU", "COGNITO_WEB_CLIENT_ID=3v5exampleclient")
				if _, err := route.New(c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestReferenceNames: the reference explains every value of closed lists.
func TestReferenceNames(t *testing.T) {
	written := keysMark.ReplaceAllString(read(t, reference), "")
	names := append(config.EnvironmentVariables(), "$groups", "$scopes", "$client", "$kind", "$issuer", "$tenant",
		"public", "optional", "required",
		"deny")
	for hole := range holes() {
		names = append(names, string(hole))
	}
	for _, name := range names {
		if !strings.Contains(written, "`"+name+"`") {
			t.Errorf("%s is not explained", name)
		}
	}
}

var (
	matchingTable = regexp.MustCompile(`(?s)<!-- matching -->\n(.*?)<!-- /matching -->`)
	matchingRow   = regexp.MustCompile("(?m)^\\| `(.+?)` \\| `(\\S+) (\\S+)` \\| (yes|no|refused)\\b.*\\|$")
)

// TestReferenceMatching checks the examples of matches in the reference.
func TestReferenceMatching(t *testing.T) {
	found := matchingTable.FindStringSubmatch(read(t, reference))
	if found == nil {
		t.Fatal("the reference has no table of matches")
	}
	rows := matchingRow.FindAllStringSubmatch(found[1], -1)
	if want := strings.Count(found[1], "\n") - 2; len(rows) != want {
		t.Errorf("%d rows were read, of %d", len(rows), want)
	}
	for _, row := range rows {
		match, method, target := row[1], row[2], row[3]
		routes, err := route.New(parse(t, pool+"routes: [{name: it, match: '"+match+"'}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := "refused"
		if path, err := request.ParsePath(target, config.Relaxed{}); err == nil {
			got = "no"
			if routes.Match(method, "api.example", &path).Name == "it" {
				got = "yes"
			}
		}
		if got != row[4] {
			t.Errorf("%s and %s %s: %s, and the reference says %s", match, method, target, got, row[4])
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
