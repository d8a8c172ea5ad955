//go:build deploy

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What all tests run, set once by TestMain.
var (
	tools         string // .tools, the folder of what `make test-deploy` provides
	jwtgateBinary string // built from this checkout
	envoyBinary   string // the pinned Envoy
	workFolder    string // gone when the tests have ended
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	top, err := filepath.Abs(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	tools = filepath.Join(top, ".tools")
	envoyBinary = filepath.Join(tools, "envoy", "bin", "envoy")
	for _, tool := range []string{
		envoyBinary, filepath.Join(tools, "moto/bin/python"), filepath.Join(tools, "manifests/bin/hadolint"),
		filepath.Join(tools, "gotools/bin/helm"), filepath.Join(tools, "crds/gatewayapi-crds.yaml"),
	} {
		if _, err := os.Stat(tool); err != nil {
			fmt.Fprintf(os.Stderr, "these tests run by `make test-deploy`, which puts their tools in place (%v)\n", err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "jwtgate-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	workFolder = dir
	jwtgateBinary = filepath.Join(dir, "jwtgate")
	build := exec.Command("go", "build", "-o", jwtgateBinary, "./cmd/jwtgate")
	build.Dir, build.Stdout, build.Stderr = top, os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "building jwtgate: %v\n", err)
		return 1
	}
	return m.Run()
}
