//go:build browser

package browser

import (
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// TestFrontEndIsBuilt: a new build of the front end has the bytes of the committed one.
func TestFrontEndIsBuilt(t *testing.T) {
	const folder, most = compose + "frontend", 600_000
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil { // of a build by hand
		t.Fatal(err)
	}
	if err := os.Symlink(frontendTools, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("node", "build.js")
	build.Dir, build.Env = dir, programs.Environment()
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	built, committed := filesOf(t, filepath.Join(dir, "dist")), filesOf(t, folder+"/dist")
	size := 0
	for name, text := range committed {
		if size += len(text); text != built[name] {
			t.Errorf("%s: a new build differs: run `npm ci && npm run build` in deploy/compose/frontend", name)
		}
	}
	if one, two := slices.Sorted(maps.Keys(built)), slices.Sorted(maps.Keys(committed)); !slices.Equal(one, two) {
		t.Errorf("a new build has the files %q; committed are %q", one, two)
	}
	if size > most {
		t.Errorf("the files have %d bytes, more than %d", size, most)
	}
}

// filesOf returns the contents of the files of a folder.
func filesOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files[name] = read(t, filepath.Join(folder, name))
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has %d files: %v", folder, len(files), err)
	}
	return files
}

// TestEmulator: what the emulator lacks, as deploy/compose/README.md says. If it has one of
// these now, that text and TestFrontEnd can change.
func TestEmulator(t *testing.T) {
	readme, address := read(t, compose+"README.md"), startEmulator(t)
	for _, name := range []string{"RevokeToken", "GetTokensFromRefreshToken"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+name)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusInternalServerError || !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("%s: %s; README of the example must name it", name, response.Status)
		}
	}
}
