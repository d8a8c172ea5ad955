package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// load loads gate.yaml in dir and returns its mistakes and warnings without the name of
// the directory.
func load(t *testing.T, dir string, pairs ...string) (c *config.Config, problem, warned []string) {
	t.Helper()
	short := func(all []config.Mistake) []string {
		texts := lines(all)
		for i := range texts {
			texts[i] = strings.TrimPrefix(strings.ReplaceAll(texts[i], dir+string(filepath.Separator), ""), "gate.yaml:")
		}
		return texts
	}
	c, err := config.Load(filepath.Join(dir, "gate.yaml"), env(pairs...))
	var all config.Mistakes
	if err != nil && !errors.As(err, &all) {
		t.Fatal(err)
	}
	if c != nil {
		warned = short(c.Warnings)
	}
	return c, short(all), warned
}

const (
	shop = "hosts: [shop.example, \"*.shop.example\"]\nroutes:\n  - {match: /cart, forward: false}\n  - {name: by-envoy, audit: none, " +
		"shadow: false}\n"
	admin = "routes:\n  - {match: /admin/**, groups: ['${GROUP}'], when: \"'${X}' != ''\"}\nhosts: [admin.example]\n"
)

// TestInclude: the routes of included files follow those of the file, sorted by file
// name, and have the hosts of their file.
func TestInclude(t *testing.T) {
	main := pool +
		"include: ['routes.d/*.yaml', 'more/${WHICH}.yaml', routes.d/b.yaml]\nroutes: [{match: /own}]\ntokens: {forward: true}\naudit: " +
		"{allowed: all}\nshadow: true\n"
	dir := testutil.Files(t, map[string]string{
		"gate.yaml": main, "routes.d/b.yaml": shop, "routes.d/a.yaml": admin, "more/x.yaml": "hosts: [x.example]\nroutes: []\n",
		"routes.d/c.txt": "no YAML",
	})
	c, problem, warned := load(t, dir, "GROUP=owner", "WHICH=x")
	same(t, append(problem, warned...), nil)
	all := config.Sampling{Denied: 1, Allowed: 1}
	compare(t, []valueRow{
		{"routes", c.Routes, []config.Route{
			{Name: "/own", Path: "routes[0]", Match: "/own", Access: config.AccessRequired, TokensFrom: fromBearer(), Forward: true, Audit: all,
				Shadow: true},
			{Name: "/admin/**", Path: "routes.d/a.yaml: routes[0]", Match: "/admin/**", Hosts: []string{"admin.example"},
				Access:     config.AccessRequired,
				TokensFrom: fromBearer(), Forward: true, Audit: all, Shadow: true,
				Requirement: config.Requirement{Alternative: config.Alternative{Groups: config.Choice{Any: []string{"owner"}}}, When: "'${X}' != ''"}},
			{Name: "/cart", Path: "routes.d/b.yaml: routes[0]", Match: "/cart", Hosts: []string{"shop.example", "*.shop.example"},
				Access:     config.AccessRequired,
				TokensFrom: fromBearer(), Audit: all, Shadow: true},
			{Name: "by-envoy", Path: "routes.d/b.yaml: routes[1]", Hosts: []string{"shop.example", "*.shop.example"}, Access: config.AccessRequired,
				TokensFrom: fromBearer(), Forward: true},
		}},
		{"files", c.Files, []string{filepath.Join(dir, "gate.yaml"), filepath.Join(dir, "routes.d/*.yaml"), filepath.Join(dir, "more/x.yaml"),
			filepath.Join(dir, "routes.d/b.yaml")}},
	})
	for path, want := range map[string]string{
		"routes[0].match":                      "gate.yaml:3:18",
		"routes.d/a.yaml: routes[0].groups":    "routes.d/a.yaml:2:24",
		"routes.d/a.yaml: routes[0].clients":   "routes.d/a.yaml:2:5",
		"routes.d/a.yaml: routes[7].clients":   "routes.d/a.yaml:1:1",
		"routes.d/a.yaml: anything":            "routes.d/a.yaml:1:1",
		"routes.d/b.yaml: hosts[1]":            "routes.d/b.yaml:1:23",
		"routes.d/missing.yaml: routes[0]":     "gate.yaml:3:1", // the nearest there is
		`routes.d/a.yaml: routes[0]["a: b"].c`: "routes.d/a.yaml:2:5",
	} {
		if got := strings.TrimPrefix(c.At(path).String(), dir+"/"); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
	m := c.MistakeWithin("routes.d/a.yaml: routes[0].when", 1, 7, "wrong")
	if got, want := strings.TrimPrefix(m.Error(), dir+"/"),
		"routes.d/a.yaml:2:52: routes[0].when: line 1, column 8 of the condition: wrong"; got != want {
		t.Errorf("inside a condition: %s, want %s", got, want)
	}
}

// TestIncludeMistakes: all mistakes in included files are reported at once, with
// positions in those files.
func TestIncludeMistakes(t *testing.T) {
	const include = "include: ['routes.d/*.yaml']\nroutes: [{match: /a, name: taken}]\n"
	for _, row := range []struct {
		name         string
		main         string
		a, b         string
		wrong, warns []string
	}{
		{"values of routes", include,
			"hosts: [a.example]\nroutes:\n  - {match: /a, access: publik}\n  - {access: public}\n  - {match: '${NOT_SET}', groups: []}\n", "",
			[]string{
				`routes.d/a.yaml:3:25: routes[0].access is invalid: got "publik"; expected public, optional, required or deny`,
				"routes.d/a.yaml:4:5: routes[1].match is missing; expected [METHOD,...] PATH, such as GET /api/health, or a name for a route that " +
					"only Envoy selects, with jwtgate.route in its context_extensions",
				"routes.d/a.yaml:5:13: routes[2].match uses the variable NOT_SET, which is not set; set it, or write ${NOT_SET:-default}",
				"routes.d/a.yaml:5:27: routes[2].groups is an empty list; set it to a list such as [admin], or {all: [admin]} to ask for all of " +
					"them, or remove the key",
			}, nil},
		{"hosts of a route", include, "hosts: [a.example]\nroutes:\n  - {match: /x, hosts: [b.example]}\n", "", []string{
			"routes.d/a.yaml:3:17: routes[0].hosts is not allowed in an included file, where all routes have the hosts at the top; remove it"}, nil},
		{"neither key", include, "{}\n", "", []string{
			"routes.d/a.yaml:1:1: hosts is missing; expected a list such as [shop.example]",
			"routes.d/a.yaml:1:1: routes is missing; expected a list of routes, each such as {match: GET /api/health, access: public}"}, nil},
		{"no hosts", include, "hosts: []\nroutes: []\n", "", []string{
			"routes.d/a.yaml:1:1: hosts is an empty list; set it to a list such as [shop.example], or remove the key"}, nil},
		{"any host", include, "hosts: ['*']\nroutes: []\n", "", []string{
			`routes.d/a.yaml:1:9: hosts[0] is "*", which is not supported; list the hosts of the routes, since another file may have other hosts`},
			nil},
		{"keys of the file that includes", include, "hosts: [a.example]\nroutes: []\nissuers: {}\ninclude: [b.yaml]\nhost: a\n", "", []string{
			"routes.d/a.yaml:3:1: issuers is not allowed in an included file; expected a mapping with the keys hosts and routes; move it to " +
				"gate.yaml",
			"routes.d/a.yaml:4:1: include is not allowed in an included file; expected a mapping with the keys hosts and routes; move it to " +
				"gate.yaml",
			`routes.d/a.yaml:5:1: unknown key "host" in the file; did you mean hosts?`}, nil},
		{"an empty file", include, "", "",
			[]string{"routes.d/a.yaml:1:1: the file is empty; expected a mapping with keys such as hosts and routes"}, nil},
		{"a list", include, "- match: /a\n", "",
			[]string{"routes.d/a.yaml:1:1: the file is a list; expected a mapping with keys such as hosts and routes"}, nil},
		{"broken YAML beside a mistake", include + "default: none\n", "hosts: [a.example\n", "hosts: [b.example]\nroutes: [{match: 1}]\n",
			[]string{
				`4:10: default is invalid: got "none"; expected required or deny`,
				"routes.d/a.yaml:2:1: invalid YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins at 1:8)",
				"routes.d/b.yaml:2:18: routes[0].match is not a string: got 1; expected [METHOD,...] PATH, such as GET /api/health, in quotes if it " +
					"looks like a number, true or false"}, nil},
		{"a name of the file that includes", include, "hosts: [a.example]\nroutes:\n  - {match: /x, name: taken}\n", "", []string{
			`routes.d/a.yaml:3:23: routes[0].name gives the route the name "taken", which routes[0] already has; set a different name`}, nil},
		{"a name of another file", include, "hosts: [a.example]\nroutes:\n  - {match: /x}\n", "hosts: [b.example]\nroutes:\n  - {match: /x}\n",
			[]string{
				`routes.d/b.yaml:3:13: routes[0].match gives the route the name "/x", which routes.d/a.yaml: routes[0] already has; set a different ` +
					`name`}, nil},
		{"the rules between routes and issuers", include, "hosts: [a.example]\nroutes:\n  - {match: /x, issuers: [nobody]}\n", "", []string{
			`routes.d/a.yaml:3:27: routes[0].issuers[0] is an unknown issuer: got "nobody"; expected one of pool`}, nil},
		{"the rules between routes and identity", include, "hosts: [a.example]\nroutes:\n  - {match: /x, tokens_from: [{header: x-user-id}]}\n",
			"", []string{
				`routes.d/a.yaml:3:40: routes[0].tokens_from[0].header conflicts with identity, which sets or strips the header "x-user-id"; use ` +
					`another header`}, nil},
		{"a warning", include, "hosts: [a.example]\nroutes:\n  - {match: /x, access: deny, shadow: true}\n", "", nil, []string{
			"routes.d/a.yaml:3:39: routes[0].shadow has no effect, because a route that is deny checks no credential, token or requirement; " +
				"remove it"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			texts := map[string]string{"gate.yaml": pool + row.main, "routes.d/a.yaml": row.a}
			if row.b != "" {
				texts["routes.d/b.yaml"] = row.b
			}
			_, problem, warned := load(t, testutil.Files(t, texts))
			same(t, problem, row.wrong)
			same(t, warned, row.warns)
		})
	}
}

// TestIncludePipe: a pipe is not read.
func TestIncludePipe(t *testing.T) {
	dir := testutil.Files(t, map[string]string{"gate.yaml": pool + "include: [pipe]\n"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problem, _ := load(t, dir)
	same(t, problem, []string{`2:11: include[0] matches "pipe", which is not a regular file`})
}

// TestIncludePatterns: a pattern that matches no file is always reported.
func TestIncludePatterns(t *testing.T) {
	texts := map[string]string{"routes.d/a.yaml": admin, "dir.d/b.yaml/c": "", "own.yaml": "hosts: [x]\nroutes: []\n"}
	for _, row := range []struct {
		name, include string
		wrong, warns  []string
	}{
		{"a pattern without a file", "[none/*.yaml]", nil, []string{`2:11: include[0] matches no file: got "none/*.yaml"`}},
		{"a name without a file", "[routes.d/a.yaml, routes.d/b.yaml]", []string{
			`2:28: include[1] does not exist: got "routes.d/b.yaml"; expected a path relative to this file, or a pattern such as routes.d/*.yaml`},
			nil},
		{"no pattern", "['routes.d/[*.yaml', routes.d/a.yaml]", []string{
			`2:11: include[0] is not a valid pattern: got "routes.d/[*.yaml"; expected a path or pattern such as routes.d/*.yaml`}, nil},
		{"a directory", "[dir.d/*.yaml]", []string{`2:11: include[0] matches "dir.d/b.yaml", which is not a regular file`}, nil},
		{"the file itself", "['*.yaml']", []string{
			`2:11: include[0] matches this file itself: got "*.yaml"; put included files in a separate directory, such as routes.d`}, nil},
		{"a directory that cannot be listed", "[gate.yaml/*.yaml]",
			[]string{`2:11: include[0] cannot be searched: open gate.yaml: not a directory`}, nil},
		{"a word", "routes.d/*.yaml",
			[]string{`2:10: include is the single value "routes.d/*.yaml"; expected a list of patterns such as [routes.d/*.yaml]`}, nil},
		{"an empty word", "['']", []string{`2:11: include[0] is empty; expected a path or pattern such as routes.d/*.yaml`}, nil},
		{"none", "[]", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			texts["gate.yaml"] = pool + "include: " + row.include + "\n"
			_, problem, warned := load(t, testutil.Files(t, texts), "GROUP=a")
			same(t, problem, row.wrong)
			same(t, warned, row.warns)
		})
	}
}

// TestIncludeBrokenLink: a file that matches a pattern but cannot be read is reported.
func TestIncludeBrokenLink(t *testing.T) {
	dir := testutil.Files(t, map[string]string{"gate.yaml": pool + "include: ['routes.d/*.yaml']\n", "routes.d/a.yaml": shop})
	if err := os.Symlink("gone", filepath.Join(dir, "routes.d", "b.yaml")); err != nil {
		t.Fatal(err)
	}
	_, problem, _ := load(t, dir)
	same(t, problem, []string{"2:11: include[0] matches a file that cannot be read: open routes.d/b.yaml: no such file or directory"})
}

// TestIncludeOverlap: two included files cannot have the same host.
func TestIncludeOverlap(t *testing.T) {
	for _, row := range []struct{ a, b string }{
		{"x.example", "x.example"}, {"X.example", "x.EXAMPLE"},
		{"*.a.example", "x.a.example"}, {"x.a.example", "*.a.example"},
		{"*.a.example", "*.b.a.example"}, {"*.b.a.example", "*.a.example"}, {"*.a.example", "*.a.example"},
		{"*.a.example", "x.y.a.example"},
	} {
		t.Run(row.a+" and "+row.b, func(t *testing.T) {
			dir := testutil.Files(t, map[string]string{"gate.yaml": pool + "include: ['*.d/*']\n",
				"x.d/1": "hosts: ['" + row.a + "']\nroutes: []\n", "x.d/2": "hosts: [other.example, '" + row.b + "']\nroutes: []\n"})
			_, problem, _ := load(t, dir)
			same(t, problem, []string{"x.d/2:1:24: hosts[1] is " + quoted(strings.ToLower(row.b)) + ", but x.d/1 has " +
				quoted(strings.ToLower(row.a)) +
				"; put all routes of a host in one included file"})
		})
	}
	for _, row := range []struct{ a, b string }{
		{"x.example", "y.example"}, {"*.a.example", "a.example"}, {"*.a.example", "*.b.example"}, {"*.a.example", "*.ba.example"},
		{"a.example", "*.x.a.example"},
	} {
		t.Run(row.a+" beside "+row.b, func(t *testing.T) {
			dir := testutil.Files(t, map[string]string{"gate.yaml": pool + "include: ['*.d/*']\n",
				"x.d/1": "hosts: ['" + row.a + "']\nroutes: []\n", "x.d/2": "hosts: ['" + row.b + "']\nroutes: []\n"})
			_, problem, _ := load(t, dir)
			same(t, problem, nil)
		})
	}
}

// TestIncludeHash: the hash covers every file. Without included files it is the hash of
// the file.
func TestIncludeHash(t *testing.T) {
	main := pool + "include: ['routes.d/*.yaml']\n"
	hash := func(texts map[string]string) string {
		texts["gate.yaml"] = main
		c, problem, _ := load(t, testutil.Files(t, texts), "GROUP=a")
		same(t, problem, nil)
		return c.Hash
	}
	sum := sha256.Sum256([]byte(main))
	seen := []string{hex.EncodeToString(sum[:])}
	if got := hash(map[string]string{}); got != seen[0] {
		t.Errorf("the hash without included files is %s, want %s", got, seen[0])
	}
	for name, texts := range map[string]map[string]string{
		"one file":              {"routes.d/a.yaml": admin},
		"another name":          {"routes.d/b.yaml": admin},
		"another content":       {"routes.d/a.yaml": admin + "# \n"},
		"two files":             {"routes.d/a.yaml": admin, "routes.d/b.yaml": shop},
		"the same, swapped":     {"routes.d/a.yaml": shop, "routes.d/b.yaml": admin},
		"the text of two files": {"routes.d/a.yaml": admin + "# routes.d/b.yaml " + strings.ReplaceAll(shop, "\n", "\n# ")},
	} {
		got := hash(texts)
		if slices.Contains(seen, got) {
			t.Errorf("%s: the hash equals that of another configuration", name)
		}
		if again := hash(texts); again != got {
			t.Errorf("%s: the hash depends on the directory", name)
		}
		seen = append(seen, got)
	}
}

// TestIncludeBesideOddDirectory: special characters in the name of the directory are
// not part of the pattern.
func TestIncludeBesideOddDirectory(t *testing.T) {
	dir := testutil.Files(t, map[string]string{"o[d]d*/gate.yaml": pool + "include: ['routes.d/*.yaml']\n", "o[d]d*/routes.d/a.yaml": shop,
		"odd/routes.d/z.yaml": "no routes"})
	c, problem, warned := load(t, filepath.Join(dir, "o[d]d*"))
	same(t, append(problem, warned...), nil)
	if len(c.Routes) != 2 || c.Routes[0].Path != "routes.d/a.yaml: routes[0]" {
		t.Errorf("routes are %+v", c.Routes)
	}
}

// TestLoadIsOfOneMoment: files that change while they are read are read again, until
// all of them are from one moment. The variable is looked up after the main file is
// read and before the included files are.
func TestLoadIsOfOneMoment(t *testing.T) {
	mainFile := func(match string) string {
		return pool + "include: ['routes.d/*.yaml']\nroutes: [{match: " + match + "}, {match: '/${X}'}]\n"
	}
	hosted := func(match string) string { return "hosts: [shop.example]\nroutes: [{match: " + match + "}]\n" }
	dir := testutil.Files(t, map[string]string{"gate.yaml": mainFile("/old"), "routes.d/a.yaml": hosted("/old-cart")})
	main, shop := filepath.Join(dir, "gate.yaml"), filepath.Join(dir, "routes.d/a.yaml")
	matches := func(c *config.Config) (all []string) {
		for _, r := range c.Routes {
			all = append(all, r.Match)
		}
		return all
	}
	for _, row := range []struct {
		name string
		swap func(lookup int) // is called at each lookup, with its number
		want []string
		err  string
	}{
		{"both change once, in the middle", func(n int) {
			if n == 1 {
				testutil.Write(t, main, mainFile("/new"))
				testutil.Write(t, shop, hosted("/new-cart"))
			}
		}, []string{"/new", "/x", "/new-cart"}, ""},
		{"an included file comes", func(n int) {
			if n == 1 {
				testutil.Write(t, filepath.Join(dir, "routes.d/b.yaml"), "hosts: [b.example]\nroutes: [{match: /b}]\n")
				testutil.Write(t, main, mainFile("/newer"))
			}
		}, []string{"/newer", "/x", "/new-cart", "/b"}, ""},
		{"they never rest", func(n int) { testutil.Write(t, main, mainFile("/"+strings.Repeat("n", n))) }, nil, "kept changing"},
	} {
		lookups := 0
		c, err := config.Load(main, func(string) (string, bool) { lookups++; row.swap(lookups); return "x", true })
		switch {
		case row.err != "":
			if err == nil || !strings.Contains(err.Error(), row.err) || c != nil {
				t.Errorf("%s: got %v, want an error with %q", row.name, err, row.err)
			}
		case err != nil:
			t.Errorf("%s: %v", row.name, err)
		default:
			same(t, matches(c), row.want)
		}
	}
}
