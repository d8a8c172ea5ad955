package house

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are the pages for contributors and users.
const pages = "SECURITY.md CONTRIBUTING.md"

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Tests, make commands, files and sections that a page names exist.
func TestPagesHold(t *testing.T) {
	tests := map[string]bool{}
	for _, s := range sources(t) {
		for _, decl := range s.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && s.test && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	commands := makeCommands(t)
	for name := range strings.FieldsSeq(pages) {
		t.Run(name, func(t *testing.T) {
			page := readPage(t, name)
			named := testName().FindAllString(page, -1)
			for _, test := range named {
				if !tests[test] {
					t.Errorf("there is no %s", test)
				}
			}
			if len(named) == 0 {
				t.Error("no test is named")
			}
			for _, found := range regexp.MustCompile("`make ([a-z][a-z0-9-]*)").FindAllStringSubmatch(page, -1) {
				if !commands[found[1]] {
					t.Errorf("there is no make %s", found[1])
				}
			}
			for _, found := range regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`).FindAllStringSubmatch(page, -1) {
				checkLink(t, found[1], strings.TrimPrefix(found[2], "#"))
			}
		})
	}
}

// checkLink checks that the file of a link exists, and its heading.
func checkLink(t *testing.T, to, section string) {
	t.Helper()
	if strings.Contains(to, "://") {
		return
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		t.Errorf("a link leads nowhere: %v", err)
		return
	}
	if section == "" {
		return
	}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(readPage(t, to), -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		if strings.ReplaceAll(anchor, " ", "-") == section {
			return
		}
	}
	t.Errorf("%s has no section %s", to, section)
}

// makeCommands returns the commands that `make` lists.
func makeCommands(t *testing.T) map[string]bool {
	t.Helper()
	commands := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):.*## `).FindAllStringSubmatch(readPage(t, "Makefile"), -1) {
		commands[found[1]] = true
	}
	return commands
}

// The table of commands is complete, and the table of folders has all packages.
func TestContributingIsWhole(t *testing.T) {
	page := readPage(t, "CONTRIBUTING.md")
	for command := range makeCommands(t) {
		if command != "help" && !strings.Contains(page, "`make "+command+"`") {
			t.Errorf("make %s is not in CONTRIBUTING.md", command)
		}
	}
	for dir := range packages(sources(t)) {
		covered := false
		for _, found := range regexp.MustCompile(`\]\(([a-z0-9/-]+)\)`).FindAllStringSubmatch(page, -1) {
			covered = covered || dir == found[1] || strings.HasPrefix(dir, found[1]+"/")
		}
		if !covered {
			t.Errorf("%s is in no row of CONTRIBUTING.md", dir)
		}
	}
}
