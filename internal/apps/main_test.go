//go:build apps

package apps

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// The programs that the tests run, set once by TestMain.
var (
	jwtgateBinary string // built from this checkout
	toolsDir      string // what `make test-apps` sets up
)

func TestMain(m *testing.M) {
	for program, install := range map[string]string{"node": "nodejs", "java": "default-jdk-headless"} {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Fprintf(os.Stderr, "%s is missing (Debian and Ubuntu: apt-get install %s)\n", program, install)
			os.Exit(1)
		}
	}
	needs := []string{"envoy/bin/envoy", "apps-python/bin/python", "apps-node/node_modules/express", "apps-java"}
	os.Exit(programs.Main(m, "test-apps", needs, func(tools, jwtgate string) { toolsDir, jwtgateBinary = tools, jwtgate }))
}
