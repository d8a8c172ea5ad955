//go:build release

package deploy

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The version and commit of the test's builds; other builds take git's.
const (
	releaseVersion = "v1.2.3-check"
	releaseCommit  = "0123456789abcdef0123456789abcdef01234567"
)

// release builds the release's files in a copy of the source, and returns the
// folder that holds them.
func release(t *testing.T, place string) string {
	t.Helper()
	must(t, "mkdir", "-p", place)
	must(t, "cp", "-a", root+"/Makefile", root+"/go.mod", root+"/go.sum",
		root+"/cmd", root+"/deploy", root+"/envoy", root+"/internal", place)
	must(t, "make", "-C", place, "--no-print-directory", "release-files",
		"VERSION="+releaseVersion, "COMMIT="+releaseCommit, "GOTOOLS="+filepath.Dir(gotool("helm")))
	return filepath.Join(place, "dist")
}

// TestRelease: two builds in two places are one, byte for byte; each binary is a
// static one of its machine and says its version; and its SBOM names what is in
// it.
func TestRelease(t *testing.T) {
	first := release(t, filepath.Join(t.TempDir(), "a"))
	second := release(t, filepath.Join(t.TempDir(), "a-longer", "place"))
	sums := read(t, first+"/SHA256SUMS")
	if other := read(t, second+"/SHA256SUMS"); sums != other || strings.Count(sums, "\n") != 4 {
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
			}
			bill(t, file)
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

// bill compares an SBOM with Go's own list for the binary.
func bill(t *testing.T, file string) {
	t.Helper()
	var sbom struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal([]byte(read(t, file+".cdx.json")), &sbom); err != nil {
		t.Fatal(err)
	}
	if sbom.BOMFormat != "CycloneDX" || sbom.Metadata.Component.Version != releaseVersion {
		t.Errorf("the SBOM is %q of version %q", sbom.BOMFormat, sbom.Metadata.Component.Version)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, module := range info.Deps {
		want = append(want, module.Path+" "+module.Version)
	}
	for _, c := range sbom.Components {
		if c.Name != "std" { // the standard library, which is not a module
			got = append(got, c.Name+" "+c.Version)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("the SBOM lists\n%s\nand the binary\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
