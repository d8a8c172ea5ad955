//go:build release

package deploy

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// The version and commit of the test's builds; other builds take git's. Git allows this
// version as a tag; a shell that reads it as a part of a command executes it, and make
// expands it in an argument.
const (
	releaseVersion = "v1.2.3-`check`-$(HOME)"
	releaseCommit  = "0123456789abcdef0123456789abcdef01234567"
)

// release builds the release's files in a copy of the source, and returns the
// folder that holds them.
func release(t *testing.T, place string) string {
	t.Helper()
	must(t, "mkdir", "-p", place)
	must(t, "cp", "-a", root+"/Makefile", root+"/go.mod", root+"/go.sum", root+"/LICENSE", root+"/NOTICE", root+"/.setup",
		root+"/cmd", root+"/deploy", root+"/envoy", root+"/internal", place)
	must(t, "env", "VERSION="+releaseVersion, "COMMIT="+releaseCommit, "make", "-e", "-C", place, "--no-print-directory",
		"release-files", "GOTOOLS="+filepath.Dir(gotool("helm")))
	return filepath.Join(place, "dist")
}

// TestRelease: two builds in two places are one, byte for byte; each binary is a
// static one of its machine and says its version; and its SBOM names what is in
// it.
func TestRelease(t *testing.T) {
	first := release(t, filepath.Join(t.TempDir(), "a"))
	second := release(t, filepath.Join(t.TempDir(), "a-longer", "place"))
	sums := read(t, first+"/SHA256SUMS")
	if other := read(t, second+"/SHA256SUMS"); sums != other || strings.Count(sums, "\n") != 8 {
		t.Errorf("two builds are not one:\n%s\n%s", sums, other)
	}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			file := filepath.Join(first, "jwtgate_linux_"+arch)
			binary(t, file, machine)
			if arch == runtime.GOARCH {
				said := must(t, file, "version")
				for _, word := range []string{releaseVersion, releaseCommit, runtime.Version()} {
					if !strings.Contains(said, word) {
						t.Errorf("`jwtgate version` does not say %q:\n%s", word, said)
					}
				}
				// Go's FIPS 140-3 mode, which ends the program where it uses another algorithm.
				const example = root + "/deploy/examples/two-issuers"
				cases := exec.Command(file, "test", "--config", example+".yaml", example+".cases.yaml")
				cases.Env = append(os.Environ(), "GODEBUG=fips140=only")
				if _, err := finish(cases, ""); err != nil {
					t.Error(err)
				}
			}
			bills(t, file, filepath.Join(first, "jwtgate_image_linux_"+arch+".cdx.json"))
		})
	}
}

// binary checks that a file is for its machine and is statically linked, and that it
// contains its version and no path of the machine that built it.
func binary(t *testing.T, file string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != machine {
		t.Errorf("it is for %v", f.Machine)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC }) {
		t.Error("it is linked to libraries of its system")
	}
	text := read(t, file)
	for _, word := range []string{releaseVersion, releaseCommit} {
		if !strings.Contains(text, word) {
			t.Errorf("got no %q", word)
		}
	}
	if strings.Contains(text, filepath.Dir(file)) || strings.Contains(text, strings.TrimSpace(must(t, "go", "env", "GOROOT"))+"/src") {
		t.Error("the binary contains a path of the build machine")
	}
}

type component struct {
	Name, Version, Type string
	Licenses            []any
	Evidence            struct{ Licenses []any }
}

type sbom struct {
	BOMFormat  string
	Metadata   struct{ Component component }
	Components []component
}

// bill reads an SBOM, checks that each component has a licence, and returns all but the
// modules.
func bill(t *testing.T, file string, modules []string) (top component, others []string) {
	t.Helper()
	var b sbom
	if err := json.Unmarshal([]byte(read(t, file)), &b); err != nil {
		t.Fatal(err)
	}
	top = b.Metadata.Component
	if b.BOMFormat != "CycloneDX" || top.Version != releaseVersion {
		t.Errorf("%s is %q of version %q", file, b.BOMFormat, top.Version)
	}
	found := 0
	for _, c := range append(b.Components, top) {
		if len(c.Licenses)+len(c.Evidence.Licenses) == 0 {
			t.Errorf("%s: %s has no licence", file, c.Name)
		}
		if slices.Contains(modules, c.Name+" "+c.Version) {
			found++
		} else if c.Name != top.Name || c.Type != top.Type {
			others = append(others, strings.TrimSpace(c.Name+" "+c.Version))
		}
	}
	if len(modules) < 10 || found != len(modules) {
		t.Errorf("%s has %d of the program's %d modules", file, found, len(modules))
	}
	slices.Sort(others)
	return top, others
}

// bills compares the SBOMs of a binary and of the image with Go's own list for the binary.
func bills(t *testing.T, file, image string) {
	t.Helper()
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, module := range info.Deps {
		modules = append(modules, module.Path+" "+module.Version)
	}
	std := "std " + strings.Fields(info.GoVersion)[0]
	if top, others := bill(t, file+".cdx.json", modules); top.Type != "application" || !slices.Equal(others, []string{std}) {
		t.Errorf("the SBOM of the %s lists also %q; want %q", top.Type, others, std)
	}
	top, others := bill(t, image, modules)
	want := []string{"ca-certificates", info.Main.Path + " " + releaseVersion, std}
	if top.Type != "container" || !slices.Equal(others, want) {
		t.Errorf("the SBOM of the %s lists also %q; want %q", top.Type, others, want)
	}
}

// TestReleaseInstall: `go install MODULE/cmd/jwtgate@VERSION` works, and the program
// reports that version. Go fetches the module from a folder.
func TestReleaseInstall(t *testing.T) {
	const path, version = "github.com/jwtgate/jwtgate", "v0.1.0-check"
	source, proxy := t.TempDir(), t.TempDir()
	must(t, "cp", "-a", root+"/go.mod", root+"/go.sum", root+"/LICENSE", root+"/cmd", root+"/deploy", root+"/envoy", root+"/internal", source)
	folder := filepath.Join(proxy, path, "@v")
	must(t, "mkdir", "-p", folder)
	must(t, "cp", source+"/go.mod", folder+"/"+version+".mod")
	for name, text := range map[string]string{"list": version + "\n", version + ".info": `{"Version":"` + version + `"}`} {
		if err := os.WriteFile(folder+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := os.Create(folder + "/" + version + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(zip.CreateFromDir(archive, module.Version{Path: path, Version: version}, source), archive.Close()); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	cache := strings.TrimSpace(must(t, "go", "env", "GOMODCACHE"))
	install := exec.Command("go", "install", path+"/cmd/jwtgate@"+version)
	install.Dir = bin
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw -trimpath", "GOTOOLCHAIN=local",
		"GOPROXY=file://"+proxy+",file://"+cache+"/cache/download", "GOSUMDB=off", "GONOPROXY=", "GOPRIVATE=", "CGO_ENABLED=0")
	if _, err := finish(install, ""); err != nil {
		t.Fatal(err)
	}
	if said := must(t, bin+"/jwtgate", "version"); !strings.Contains(said, "jwtgate    "+version+"\n") {
		t.Errorf("it reports %q", said)
	}
}
