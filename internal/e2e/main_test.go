package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What all tests run, set once by TestMain.
var (
	jwtgateBinary  string // built from this checkout
	envoyBinary    string // the pinned Envoy of `make tools`
	motoPython     string // the Python that has the Cognito emulator
	promtoolBinary string // the pinned promtool of `make tools`
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	root, err := filepath.Abs("../..")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	envoyBinary = filepath.Join(root, ".tools", "envoy", "bin", "envoy")
	motoPython = filepath.Join(root, ".tools", "moto", "bin", "python")
	promtoolBinary = filepath.Join(root, ".tools", "promtool", "bin", "promtool")
	for _, tool := range []string{envoyBinary, motoPython, promtoolBinary} {
		if _, err := os.Stat(tool); err != nil {
			fmt.Fprintf(os.Stderr, "the end-to-end tests need a real Envoy, a Cognito emulator and promtool: run `make tools` (%v)\n", err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "jwtgate-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	jwtgateBinary = filepath.Join(dir, "jwtgate")
	build := []string{"build", "-o", jwtgateBinary, "-ldflags", "-X main.version=e2e -X main.commit=none"}
	if raceEnabled {
		build = append(build, "-race")
	}
	command := exec.Command("go", append(build, "./cmd/jwtgate")...)
	command.Dir, command.Stdout, command.Stderr = root, os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "building jwtgate: %v\n", err)
		return 1
	}
	return m.Run()
}
