package house

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write NOTICE")

const noticeHead = `jwtgate
Copyright the jwtgate authors

jwtgate is licensed under the Apache License, Version 2.0: see LICENSE. Its program
contains the software below, each under its own licence. The same text may apply to
several modules; it is printed once.

This file is generated. ` + "`go test ./internal/house -run TestNotice -update`" + ` writes it.
`

// TestNotice compares NOTICE with the licences of every module in the program, of the
// Go standard library, and of the Envoy descriptions that the program embeds. With
// -update it writes NOTICE.
func TestNotice(t *testing.T) {
	licences := map[string][]string{} // text: the names it applies to
	add := func(name, file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		clean := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		if !slices.Contains(licences[clean], name) {
			licences[clean] = append(licences[clean], name)
		}
	}
	for _, p := range programPackages(t) {
		if p.Module == nil || p.Module.Main {
			continue
		}
		files := licenceFiles(t, p.Dir, p.Module.Dir)
		if len(files) == 0 {
			t.Errorf("%s has no licence file", p.Module.Path)
		}
		for _, file := range files {
			name := p.Module.Path
			if dir := filepath.Dir(file); dir != p.Module.Dir {
				name += strings.TrimPrefix(dir, p.Module.Dir)
			}
			add(name+" "+p.Module.Version, file)
			if p.Module.Path == "golang.org/x/sys" { // has the licence of Go, which not every installation of Go contains
				add("Go standard library", file)
			}
		}
	}

	got := []byte(noticeHead + noticeBody(licences))
	if *update {
		if err := os.WriteFile(filepath.Join(root, "NOTICE"), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Join(root, "NOTICE"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("NOTICE is out of date; run: go test ./internal/house -run TestNotice -update")
	}
}

// noticeBody prints each text below the names it applies to.
func noticeBody(licences map[string][]string) string {
	texts := slices.Collect(maps.Keys(licences))
	slices.SortFunc(texts, func(a, b string) int {
		return cmp.Or(strings.Compare(licences[a][0], licences[b][0]), strings.Compare(a, b))
	})
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(licences[text], "\n"), strings.Repeat("-", 80), text)
	}
	return b.String()
}

type listedPackage struct {
	Dir    string
	Module *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// TestImageHasNoDemo: the program that the Dockerfile builds (-tags nodemo) contains no
// issuer and no demo.
func TestImageHasNoDemo(t *testing.T) {
	for tags, want := range map[string]bool{"": true, "nodemo": false} {
		cmd := exec.Command("go", "list", "-tags", tags, "-deps", "./cmd/jwtgate")
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"internal/demo", "internal/devidp"} {
			if got := slices.Contains(strings.Fields(string(out)), modulePath+"/"+name); got != want {
				t.Errorf("with tags %q: contains %s: %v, want %v", tags, name, got, want)
			}
		}
	}
}

// programPackages lists the packages in the Linux program, in the order of their import
// paths, and one package of the module whose descriptions internal/envoyproto embeds.
func programPackages(t *testing.T) []listedPackage {
	t.Helper()
	var packages []listedPackage
	for _, args := range [][]string{
		{"list", "-deps", "-json=Dir,Module,ImportPath", "./cmd/jwtgate"},
		{"list", "-json=Dir,Module,ImportPath", "github.com/envoyproxy/go-control-plane/contrib/envoy/extensions/filters/http/golang/v3alpha"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v", strings.Join(args, " "), err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p listedPackage
			if err := d.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			packages = append(packages, p)
		}
	}
	slices.SortFunc(packages, func(a, b listedPackage) int { return strings.Compare(a.Dir, b.Dir) })
	return packages
}

// licenceFiles lists the licence files that apply to a package: those in its folder and in
// the folders above it, up to the module's.
func licenceFiles(t *testing.T, dir, module string) []string {
	t.Helper()
	name := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(\.(txt|md))?$`)
	var files []string
	for ; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && name.MatchString(e.Name()) {
				files = append(files, filepath.Join(dir, e.Name()))
			}
		}
		if dir == module {
			return files
		}
	}
}
