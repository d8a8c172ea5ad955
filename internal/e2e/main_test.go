package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// What all tests run, set once by TestMain.
var (
	jwtgateBinary  string // built from this checkout
	envoyBinary    string // the pinned Envoy of `make tools`
	motoPython     string // the Python that has the Cognito emulator
	promtoolBinary string // the pinned promtool of `make tools`
)

func TestMain(m *testing.M) {
	flags := []string{"-ldflags", "-X main.version=e2e -X main.commit=none"}
	if raceEnabled {
		flags = append(flags, "-race")
	}
	const envoy, moto, promtool = "envoy/bin/envoy", "moto/bin/python", "promtool/bin/promtool"
	os.Exit(programs.Main(m, "tools", []string{envoy, moto, promtool}, func(tools, jwtgate string) {
		jwtgateBinary = jwtgate
		envoyBinary = filepath.Join(tools, envoy)
		motoPython = filepath.Join(tools, moto)
		promtoolBinary = filepath.Join(tools, promtool)
	}, flags...))
}
