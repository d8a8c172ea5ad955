//go:build browser

package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// The programs that the tests run, set once by TestMain.
var (
	jwtgateBinary string // built from this checkout
	envoyBinary   string // the pinned Envoy
	nodeModules   string // with the pinned playwright-core
	motoPython    string // a Python with the pinned Cognito emulator
	keycloakHome  string // the pinned Keycloak
	frontendTools string // with what the front end of deploy/compose is built from
)

func TestMain(m *testing.M) {
	for program, install := range map[string]string{"node": "nodejs", "chromium": "chromium", "java": "default-jdk-headless"} {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Fprintf(os.Stderr, "%s is missing (Debian: apt-get install %s)\n", program, install)
			os.Exit(1)
		}
	}
	const (
		envoy, modules               = "envoy/bin/envoy", "browser/node_modules"
		python, frontend, keycloakIn = "moto/bin/python", "frontend/node_modules", "keycloak/server"
	)
	needs := []string{envoy, modules, python, frontend, keycloakIn}
	os.Exit(programs.Main(m, "test-browser", needs, func(tools, jwtgate string) {
		jwtgateBinary, envoyBinary, nodeModules = jwtgate, filepath.Join(tools, envoy), filepath.Join(tools, modules)
		motoPython, frontendTools = filepath.Join(tools, python), filepath.Join(tools, frontend)
		keycloakHome = filepath.Join(tools, keycloakIn)
	}))
}
