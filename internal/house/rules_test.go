package house

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// uses records where the file uses each name of a package.
func (s *source) uses(pkg string, used map[string]string) {
	ast.Inspect(s.File, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if of, ok := selector.X.(*ast.Ident); ok && of.Name == pkg {
				used[selector.Sel.Name] = s.at(n)
			}
		}
		return true
	})
}

// testName matches the name of a test in a package comment.
func testName() *regexp.Regexp {
	return regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*`)
}

// Each package has one package comment with its purpose and, if it has code, its
// invariants; each invariant names a test that shows it.
func TestPackageComments(t *testing.T) {
	for dir, files := range packages(sources(t)) {
		t.Run(dir, func(t *testing.T) {
			var comments []*ast.CommentGroup
			tests := map[string]bool{}
			for _, s := range files {
				if s.Doc != nil && !strings.HasPrefix(s.Doc.Text(), "Copyright") {
					comments = append(comments, s.Doc)
				}
				for _, decl := range s.Decls {
					if f, ok := decl.(*ast.FuncDecl); ok && s.test && f.Recv == nil {
						tests[f.Name.Name] = true
					}
				}
			}
			if len(comments) != 1 {
				t.Fatalf("%d package comments, want one", len(comments))
			}
			text := comments[0].Text()
			if kind := strings.Fields(text)[0]; kind != "Package" && !(kind == "Command" && strings.HasPrefix(dir, "cmd/")) {
				t.Errorf("the comment begins with %q", kind)
			}
			for _, name := range testName().FindAllString(text, -1) {
				if !tests[name] {
					t.Errorf("the comment names %s, and there is no such test", name)
				}
			}
			if _, has := table()[dir]; has && !strings.HasPrefix(dir, "cmd/") {
				checkInvariants(t, text)
			}
		})
	}
}

// checkInvariants checks that a package comment has a list of invariants, numbered from 1,
// and that each names a test.
func checkInvariants(t *testing.T, text string) {
	t.Helper()
	head := regexp.MustCompile(`(?mi)^(# )?(security )?invariants\b.*$`).FindStringIndex(text)
	if head == nil {
		t.Fatal("there are no invariants")
	}
	list := text[head[1]:]
	items := regexp.MustCompile(`(?m)^\s+(\d+)\. `).FindAllStringSubmatchIndex(list, -1)
	if len(items) == 0 {
		t.Error("the invariants are not numbered")
	}
	for i, at := range items {
		end := len(list)
		if i+1 < len(items) {
			end = items[i+1][0]
		}
		item := strings.TrimSpace(list[at[0]:end])
		if list[at[2]:at[3]] != itoa(i+1) {
			t.Errorf("invariant %d has another number: %s", i+1, item)
		}
		if !testName().MatchString(item) {
			t.Errorf("no test is named for: %s", item)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range code(sources(t)) {
		for _, decl := range s.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && ofExported(d) && d.Doc == nil {
					t.Errorf("%s: %s has no comment", s.at(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					for _, name := range undocumented(spec, d.Doc != nil) {
						t.Errorf("%s: %s has no comment", s.at(spec), name)
					}
				}
			}
		}
	}
}

// ofExported reports whether a function has no receiver or an exported one.
func ofExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	name, ok := of.(*ast.Ident)
	return ok && name.IsExported()
}

// undocumented returns the exported names of a declaration without a comment; the comment
// of a group counts for all its names.
func undocumented(spec ast.Spec, group bool) []string {
	var names []string
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && !group {
			names = append(names, s.Name.Name)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && s.Doc == nil && s.Comment == nil && !group {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

func TestNoInitAndNoPanic(t *testing.T) {
	for _, s := range code(sources(t)) {
		ast.Inspect(s.File, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init function", s.at(n))
			}
			if isCall(n, "", "panic") {
				t.Errorf("%s: a panic", s.at(n))
			}
			return true
		})
	}
}

// Only main may exit the process.
func TestOnlyMainExits(t *testing.T) {
	mains := []string{"cmd/jwtgate/main.go", "internal/bench/main.go"}
	for _, s := range code(sources(t)) {
		ast.Inspect(s.File, func(n ast.Node) bool {
			if isCall(n, "os", "Exit") && !slices.Contains(mains, s.name) || isCall(n, "log", "Fatal") || isCall(n, "log", "Fatalf") {
				t.Errorf("%s: the process is ended here", s.at(n))
			}
			return true
		})
	}
}

// variables are the package variables other than errors, regular expressions and embedded
// files, and the reason for each.
func variables() map[string]string {
	return map[string]string{
		"cmd/jwtgate.version":         "stamped by the linker",
		"cmd/jwtgate.commit":          "stamped by the linker",
		"internal/token.strictBase64": "an encoding, which nothing changes",
		"internal/envoyproto.files":   "read once, and never changed",
		"internal/envoylint.misread":  "does nothing; the package's tests set it",
	}
}

func TestNoMutablePackageVariables(t *testing.T) {
	allowed := variables()
	for _, s := range code(sources(t)) {
		for _, decl := range s.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				value := spec.(*ast.ValueSpec)
				if constant(value) || embedded(value.Doc) || embedded(group.Doc) {
					continue
				}
				for _, name := range value.Names {
					id := s.dir + "." + name.Name
					if _, known := allowed[id]; !known && name.Name != "_" {
						t.Errorf("%s: the variable %s is the package's", s.at(spec), name.Name)
					}
					delete(allowed, id)
				}
			}
		}
	}
	for id := range allowed {
		t.Errorf("%s is allowed and is not there", id)
	}
}

// constant reports whether all values of a declaration are errors or regular expressions,
// which never change.
func constant(spec *ast.ValueSpec) bool {
	return len(spec.Values) == len(spec.Names) && !slices.ContainsFunc(spec.Values, func(value ast.Expr) bool {
		return !isCall(value, "errors", "New") && !isCall(value, "regexp", "MustCompile")
	})
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// TestOneCompiler: one function compiles the parts of a configuration, so that other code
// reads the policy that it returns.
func TestOneCompiler(t *testing.T) {
	seen := map[string]int{}
	for _, s := range code(sources(t)) {
		if s.dir == "internal/token/tokentest" { // only tests import it
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			for _, part := range [][2]string{{"route", "New"}, {"issuer", "NewSet"}, {"identity", "New"}, {"token", "NewVerifier"}} {
				if isCall(n, part[0], part[1]) {
					seen[part[0]+"."+part[1]]++
					if s.name != "internal/gate/policy.go" {
						t.Errorf("%s: %s is called outside of gate.Compile", s.at(n), part[0]+"."+part[1])
					}
				}
			}
			return true
		})
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s is called %d times, want once", name, n)
		}
	}
	if len(seen) != 4 {
		t.Errorf("of the four parts there are %v", seen)
	}
}

// A function that does not fit on a screen contains more than one idea.
func TestFunctionsFitOnAScreen(t *testing.T) {
	const most = 60
	for _, s := range code(sources(t)) {
		for _, decl := range s.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && s.lines(f) > most {
				t.Errorf("%s: %s has %d lines, more than %d", s.at(f), f.Name.Name, s.lines(f), most)
			}
		}
		if lines := s.fset.File(s.Package).LineCount(); s.name == "cmd/jwtgate/main.go" && lines > most {
			t.Errorf("%s has %d lines, more than %d", s.name, lines, most)
		}
	}
}

// A test that is skipped proves nothing, and one that sleeps proves it slowly
// and sometimes. In a bubble of testing/synctest no time passes; the end-to-end
// tests wait for other processes.
func TestTestsNeitherSkipNorSleep(t *testing.T) {
	for _, s := range sources(t) {
		bubble := slices.ContainsFunc(s.Imports, func(spec *ast.ImportSpec) bool { return imported(spec) == "testing/synctest" })
		ast.Inspect(s.File, func(n ast.Node) bool {
			if !s.test {
				return false
			}
			if selector, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, selector.Sel.Name) {
				t.Errorf("%s: a test is skipped", s.at(n))
			}
			if isCall(n, "time", "Sleep") && !bubble && s.dir != "internal/e2e" {
				t.Errorf("%s: a test sleeps", s.at(n))
			}
			return true
		})
	}
}

// Tests use a package as its users do.
func TestTestsAreExternal(t *testing.T) {
	for _, s := range sources(t) {
		inside := s.Name.Name != "main" && !strings.Contains(testPackages, s.dir) && filepath.Base(s.name) != "export_test.go"
		if s.test && inside && !strings.HasSuffix(s.Name.Name, "_test") {
			t.Errorf("%s is in package %s, want %[2]s_test", s.name, s.Name.Name)
		}
	}
}

// The code has no debugging leftovers.
func TestNoLeftovers(t *testing.T) {
	// Joined here, so that this file does not contain the texts.
	leftovers := regexp.MustCompile(strings.Join([]string{
		`\bTO` + `DO\b`, `\bFIX` + `ME\b`, `\bXX` + `X\b`, `(^|[\s"'=(:])/(` + `root|home|work` + `)/`,
	}, "|"))
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".tools" || entry.Name() == "bin") && name != root:
			return filepath.SkipDir
		case !entry.Type().IsRegular() || !slices.Contains([]string{".go", ".md", ".yaml", ".yml", ".py", ".mod", ""}, filepath.Ext(name)):
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(data), "\n") {
			if found := leftovers.FindString(line); found != "" {
				t.Errorf("%s:%d: %q", name, i+1, found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
