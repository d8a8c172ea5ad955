//go:build browser

package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jwtgate/jwtgate/envoy"
	"github.com/jwtgate/jwtgate/internal/testutil"
	"github.com/jwtgate/jwtgate/internal/testutil/programs"
)

// quickStart is what README's Quick start says.
type quickStart struct {
	init    string // the command
	pool    string // its user pool
	client  string // its app client
	origin  string // its front end
	address string // host:port at which clients then reach the application
}

// readQuickStart reads README.
func readQuickStart(t *testing.T) quickStart {
	t.Helper()
	readme := read(t, "../../README.md")
	section := match(t, readme, `(?s)\n## Quick start\n(.*?)\n## `)
	command := match(t, section, `(?m)^(jwtgate init (?:.*\\\n)*.*)$`)
	return quickStart{
		init:    command,
		pool:    match(t, command, `--cognito (\S+)`),
		client:  match(t, command, `--client-id (\S+)`),
		origin:  match(t, command, `--origin (http://\S+)`),
		address: match(t, section, `your application is now at http://(\S+)`),
	}
}

// match returns the first group of the only match of a pattern.
func match(t *testing.T, text, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%q is there %d times, want once, in\n%s", pattern, len(found), text)
	}
	return found[0][1]
}

// replace replaces the only match of a pattern.
func replace(t *testing.T, text, pattern, by string) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	if found := len(expression.FindAllString(text, -1)); found != 1 {
		t.Fatalf("%q is there %d times, want once, in\n%s", pattern, found, text)
	}
	return expression.ReplaceAllString(text, by)
}

// read returns the text of a file.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runInit runs a command of README in a new directory, and returns the files that it
// wrote.
func runInit(t *testing.T, command string) (jwtgate, envoy string) {
	t.Helper()
	return runInitIn(t, t.TempDir(), command)
}

// runInitIn is runInit in a directory.
func runInitIn(t *testing.T, dir, command string) (jwtgate, envoy string) {
	t.Helper()
	shell := exec.Command("sh", "-c", command)
	shell.Dir = dir
	shell.Env = append(programs.Environment(), "PATH="+filepath.Dir(jwtgateBinary)+":"+os.Getenv("PATH"))
	if output, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, output)
	}
	return read(t, filepath.Join(dir, "jwtgate.yaml")), read(t, filepath.Join(dir, "envoy.yaml"))
}

// serveWritten runs jwtgate and Envoy with the written files, at other ports, and returns
// the address that clients call.
func serveWritten(t *testing.T, configuration, bootstrap, application string) string {
	t.Helper()
	clients, _ := serveEdited(t, configuration, bootstrap, envoy.Edit{App: application})
	return clients
}

// serveEdited is serveWritten with further edits of the Envoy file. It also returns jwtgate.
func serveEdited(t *testing.T, configuration, bootstrap string, edit envoy.Edit) (clients string, jwtgate *testutil.Process) {
	t.Helper()
	edit.Listen, edit.Admin, edit.Gate = freeAddress(t), freeAddress(t), freeAddress(t)
	edited, err := envoy.Apply([]byte(bootstrap), edit)
	if err != nil {
		t.Fatal(err)
	}
	jwtgate = programs.StartGate(t, jwtgateBinary, testutil.File(t, "jwtgate.yaml", configuration), edit.Gate, freeAddress(t))
	programs.StartEnvoy(t, envoyBinary, edited, edit.Admin)
	return edit.Listen, jwtgate
}

// withKeys has the keys of the one issuer come from a URL on loopback, as
// docs/configuration.md says for emulators.
func withKeys(t *testing.T, configuration, url string) string {
	t.Helper()
	return replace(t, configuration, `(?m)^    (clients|audiences): \[.*\]$`,
		fmt.Sprintf("${0}\n    dangerously_allow_http: true\n    jwks: {uri: %q}", url))
}
