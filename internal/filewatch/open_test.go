package filewatch_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/testutil"
)

// TestOpenRegular: a file that could block is not opened. Links to files are followed,
// including links through linked directories, as Kubernetes mounts files.
func TestOpenRegular(t *testing.T) {
	dir := testutil.Files(t, map[string]string{"..one/list": "text"})
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Symlink("..one", in("..data")), os.Symlink("..data/list", in("list")), os.Symlink("pipe", in("link to a pipe")),
		os.Symlink("/dev/zero", in("link to a device"))); err != nil {
		t.Fatal(err)
	}
	testutil.NamedPipe(t, in("pipe"))
	for _, row := range []struct{ name, want string }{
		{in("..one/list"), ""},
		{in("list"), ""},
		{in("missing"), "no such file"},
		{in("pipe"), "is not a regular file; expected a regular file or a link to one"},
		{in("link to a pipe"), "is not a regular file; expected a regular file or a link to one"},
		{in("link to a device"), "is not a regular file; expected a regular file or a link to one"},
		{"/dev/null", `"/dev/null" is not a regular file; expected a regular file or a link to one`},
		{dir, "is not a regular file; expected a regular file or a link to one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file, err := filewatch.OpenRegular(row.name)
			if row.want != "" {
				if err == nil || file != nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("%v, %v, want %q", file, err, row.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			if text, err := io.ReadAll(file); string(text) != "text" || err != nil {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}
