package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// root is the path to the module's root.
const root = "../.."

// modulePath is the module's own.
const modulePath = "github.com/jwtgate/jwtgate"

// source is one Go file.
type source struct {
	dir  string // of its package, from the root: internal/gate
	name string // from the root: internal/gate/gate.go
	test bool
	fset *token.FileSet
	*ast.File
}

// at returns the place of a node, for messages.
func (s *source) at(n ast.Node) string {
	position := s.fset.Position(n.Pos())
	return s.name + ":" + itoa(position.Line)
}

// lines returns the number of lines of a node.
func (s *source) lines(n ast.Node) int {
	return s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
}

// imported returns the path of an import.
func imported(spec *ast.ImportSpec) string { return strings.Trim(spec.Path.Value, `"`) }

// sources returns every Go file of the module.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && ignored(entry.Name()) && name != root:
			return filepath.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		all = append(all, &source{
			dir: path.Dir(relative), name: relative, test: strings.HasSuffix(name, "_test.go"), fset: fset, File: file,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found", len(all))
	}
	return all
}

// ignored reports whether a folder is not part of the module's source.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || name == "testdata" || name == "bin"
}

// packages groups the files by their folder.
func packages(all []*source) map[string][]*source {
	grouped := map[string][]*source{}
	for _, s := range all {
		grouped[s.dir] = append(grouped[s.dir], s)
	}
	return grouped
}

// code returns the files without the tests.
func code(all []*source) []*source {
	var rest []*source
	for _, s := range all {
		if !s.test {
			rest = append(rest, s)
		}
	}
	return rest
}

// isCall reports whether n calls pkg.name, or the builtin name without pkg.
func isCall(n ast.Node, pkg, name string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return pkg == "" && fun.Name == name
	case *ast.SelectorExpr:
		of, ok := fun.X.(*ast.Ident)
		return ok && of.Name == pkg && fun.Sel.Name == name
	}
	return false
}
