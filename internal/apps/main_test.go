//go:build apps

package apps

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs that the tests run, set once by TestMain.
var (
	jwtgateBinary string // built from this checkout
	toolsDir      string // what `make test-apps` sets up
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	root, err := filepath.Abs("../..")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	toolsDir = filepath.Join(root, ".tools")
	for _, tool := range []string{"envoy/bin/envoy", "apps-python/bin/python", "apps-node/node_modules/express", "apps-java"} {
		if _, err := os.Stat(filepath.Join(toolsDir, tool)); err != nil {
			fmt.Fprintf(os.Stderr, "the applications are not set up: run `make test-apps` (%v)\n", err)
			return 1
		}
	}
	for program, install := range map[string]string{"node": "nodejs", "java": "default-jdk-headless"} {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Fprintf(os.Stderr, "%s is missing (Debian and Ubuntu: apt-get install %s)\n", program, install)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "jwtgate-apps-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	jwtgateBinary = filepath.Join(dir, "jwtgate")
	command := exec.Command("go", "build", "-o", jwtgateBinary, "./cmd/jwtgate")
	command.Dir, command.Stdout, command.Stderr = root, os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "building jwtgate: %v\n", err)
		return 1
	}
	return m.Run()
}
